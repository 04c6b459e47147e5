package io.github.connlimit.jetty;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Collectors;

/** What Jetty and connlimit log, at WARNING and above unless another level is asked for, kept away from the console. */
final class CapturedLog extends Handler implements AutoCloseable {

    // Held: the log manager itself would forget a logger that nobody holds, and what was set on it.
    private final Logger root = Logger.getLogger("");
    private final Handler[] console = root.getHandlers();
    private final List<LogRecord> records = new CopyOnWriteArrayList<>();

    CapturedLog() {
        this(Level.WARNING);
    }

    CapturedLog(Level least) {
        setLevel(least);
        for (Handler handler : console) {
            root.removeHandler(handler);
        }
        root.addHandler(this);
    }

    @Override
    public void publish(LogRecord record) {
        if (isLoggable(record)) {
            records.add(record);
        }
    }

    /** The messages so far. */
    List<String> messages() {
        return records.stream()
                .map(record -> record.getLoggerName() + ": " + record.getMessage()
                        + (record.getThrown() == null ? "" : " (" + record.getThrown() + ")"))
                .collect(Collectors.toList());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        root.removeHandler(this);
        for (Handler handler : console) {
            root.addHandler(handler);
        }
    }
}
