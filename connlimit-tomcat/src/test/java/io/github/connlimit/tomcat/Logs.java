package io.github.connlimit.tomcat;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.awaitility.Awaitility;

/** What was logged, for a test to look at; and silence for the rest. */
final class Logs extends Handler implements AutoCloseable {

    /** Held here, as the log manager forgets a logger that nobody else holds. */
    private static final Logger TOMCAT = Logger.getLogger("org.apache");

    private static final Logger OWN = Logger.getLogger("io.github.connlimit");

    private final List<LogRecord> records = new CopyOnWriteArrayList<>();

    /** Tomcat tells much about errors that a test provokes. */
    static void quiet() {
        // Errors in Tomcat's threads are part of some tests.
        Awaitility.doNotCatchUncaughtExceptionsByDefault();
        TOMCAT.setUseParentHandlers(false);
        OWN.setUseParentHandlers(false);
    }

    /** Hears what both log from now on. */
    static Logs listen() {
        quiet();
        Logs logs = new Logs();
        TOMCAT.addHandler(logs);
        OWN.addHandler(logs);
        return logs;
    }

    @Override
    public void publish(LogRecord logged) {
        records.add(logged);
    }

    /** The messages from this level up that contain the text, in that or in the text of a cause. */
    List<String> messages(Level level, String text) {
        return records.stream()
                .filter(logged -> logged.getLevel().intValue() >= level.intValue())
                .map(Logs::text)
                .filter(message -> message.contains(text))
                .toList();
    }

    private static String text(LogRecord logged) {
        StringBuilder text = new StringBuilder(String.valueOf(logged.getMessage()));
        for (Throwable cause = logged.getThrown(); cause != null; cause = cause.getCause()) {
            text.append(" / ").append(cause);
        }
        return text.toString();
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        TOMCAT.removeHandler(this);
        OWN.removeHandler(this);
    }
}
