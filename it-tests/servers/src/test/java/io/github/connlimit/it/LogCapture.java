package io.github.connlimit.it;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Keeps what connlimit logs as a warning or as worse, instead of printing it. Thread-safe. */
final class LogCapture implements AutoCloseable {

    /** Referred to for as long as it is listened to: the logging framework itself forgets it. */
    private final Logger logger = Logger.getLogger("io.github.connlimit");

    private final List<String> warnings = new CopyOnWriteArrayList<>();

    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord event) {
            if (isLoggable(event)) {
                warnings.add(event.getMessage() + " " + event.getThrown());
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    LogCapture() {
        handler.setLevel(Level.WARNING);
        logger.addHandler(handler);
        logger.setUseParentHandlers(false);
    }

    List<String> warnings() {
        return warnings;
    }

    @Override
    public void close() {
        logger.setUseParentHandlers(true);
        logger.removeHandler(handler);
    }
}
