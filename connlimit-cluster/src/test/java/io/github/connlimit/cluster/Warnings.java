package io.github.connlimit.cluster;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What this module warns of. */
final class Warnings extends Handler implements AutoCloseable {

    private final Logger logger = Logger.getLogger(ClusterMember.class.getPackageName());
    private final List<String> messages = new CopyOnWriteArrayList<>();

    Warnings() {
        setLevel(Level.WARNING);
        logger.addHandler(this);
    }

    List<String> messages() {
        return messages;
    }

    @Override
    public void publish(LogRecord record) {
        if (isLoggable(record)) {
            messages.add(record.getMessage());
        }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        logger.removeHandler(this);
    }
}
