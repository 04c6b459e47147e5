package io.github.connlimit.springboot;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What connlimit logs, from when this is made until it is closed. */
final class KeptLog extends Handler implements AutoCloseable {

    private final Logger logger = Logger.getLogger("io.github.connlimit");
    private final List<LogRecord> lines = new CopyOnWriteArrayList<>();

    KeptLog() {
        logger.addHandler(this);
    }

    List<String> warnings() {
        return lines.stream()
                .filter(line -> line.getLevel().intValue() >= Level.WARNING.intValue())
                .map(LogRecord::getMessage)
                .toList();
    }

    @Override
    public void publish(LogRecord line) {
        lines.add(line);
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        logger.removeHandler(this);
    }
}
