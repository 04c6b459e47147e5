package io.github.connlimit.it;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/**
 * Keeps what is logged, instead of printing it: most tests provoke what a server rightly complains of. Thread-safe, but
 * there can be only one at a time.
 */
final class LogCapture implements AutoCloseable {

    private final Logger root = Logger.getLogger("");
    private final List<Handler> printing = Arrays.asList(root.getHandlers());
    private final List<LogRecord> records = new CopyOnWriteArrayList<>();

    private final Handler keeping = new Handler() {
        @Override
        public void publish(LogRecord event) {
            records.add(event);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    LogCapture() {
        printing.forEach(root::removeHandler);
        root.addHandler(keeping);
    }

    /** What connlimit logged as a warning or as worse. */
    List<String> warnings() {
        return records.stream()
                .filter(LogCapture::isWarning)
                .map(event -> event.getMessage() + " " + event.getThrown())
                .toList();
    }

    /** What anybody logged as a warning or as worse, the containers among them. */
    List<LogRecord> allWarnings() {
        return records.stream().filter(LogCapture::isSevere).toList();
    }

    private static boolean isWarning(LogRecord event) {
        return event.getLoggerName() != null
                && event.getLoggerName().startsWith("io.github.connlimit.")
                && isSevere(event);
    }

    private static boolean isSevere(LogRecord event) {
        return event.getLevel().intValue() >= Level.WARNING.intValue();
    }

    /** Forgets the warnings, since the test expected them. */
    void forgetWarnings() {
        records.removeIf(LogCapture::isWarning);
    }

    /** Prints all that was kept. */
    void print(PrintStream out) {
        SimpleFormatter formatter = new SimpleFormatter();
        records.forEach(event -> out.print(formatter.format(event)));
    }

    @Override
    public void close() {
        root.removeHandler(keeping);
        printing.forEach(root::addHandler);
    }
}
