package io.github.connlimit.examples;

import java.io.PrintStream;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Lines of text that stay, with a table below them that is drawn anew several times a second; where the output is no
 * terminal, the table is just printed when a step is over. This class is thread-safe.
 */
final class Screen implements AutoCloseable {

    private static final int REDRAW_MILLIS = 100;
    private static final String UP_AND_CLEAR = "\033[%dA\033[J";

    private final PrintStream out;
    private final Supplier<List<String>> table;
    private final ScheduledExecutorService redraw;

    /** How many lines of the table are on the screen, below what stays. Guarded by this. */
    private int drawn;

    /** Guarded by this. */
    private boolean closed;

    /**
     * Makes a screen and begins to draw.
     *
     * @param terminal whether the output is a terminal that understands ANSI escape sequences
     * @param table makes the lines of the table as they are now
     */
    Screen(PrintStream out, boolean terminal, Supplier<List<String>> table) {
        this.out = out;
        this.table = table;
        if (terminal) {
            redraw = Executors.newSingleThreadScheduledExecutor(task -> {
                Thread thread = new Thread(task, "screen");
                thread.setDaemon(true);
                return thread;
            });
            redraw.scheduleWithFixedDelay(this::draw, REDRAW_MILLIS, REDRAW_MILLIS, TimeUnit.MILLISECONDS);
        } else {
            redraw = null;
        }
    }

    /** Prints a line that stays. */
    synchronized void say(String line) {
        clear();
        out.println(line);
        out.flush();
    }

    /** Prints the table, unless it is being drawn all the time anyway. */
    synchronized void showTable() {
        if (redraw == null) {
            table.get().forEach(out::println);
            out.flush();
        }
    }

    private synchronized void draw() {
        if (closed) {
            return;
        }
        clear();
        List<String> lines = table.get();
        lines.forEach(out::println);
        out.flush();
        drawn = lines.size();
    }

    private void clear() {
        if (drawn > 0) {
            out.printf(UP_AND_CLEAR, drawn);
            drawn = 0;
        }
    }

    /** Draws the table for the last time, to stay. */
    @Override
    public synchronized void close() {
        if (redraw != null) {
            redraw.shutdownNow();
            draw();
        }
        closed = true;
    }
}
