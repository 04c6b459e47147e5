package io.github.connlimit;

import java.util.List;
import java.util.ResourceBundle;
import java.util.concurrent.CopyOnWriteArrayList;

/** A logger that keeps what it is given, or throws. This class is thread-safe. */
final class RecordingLogger implements System.Logger {

    record Entry(Level level, String message, Throwable thrown) {}

    final List<Entry> entries = new CopyOnWriteArrayList<>();

    /** Thrown by every call, if not null. */
    volatile Error broken;

    @Override
    public String getName() {
        return "recording";
    }

    @Override
    public boolean isLoggable(Level level) {
        return true;
    }

    @Override
    public void log(Level level, ResourceBundle bundle, String message, Throwable thrown) {
        Error error = broken;
        if (error != null) {
            throw error;
        }
        entries.add(new Entry(level, message, thrown));
    }

    @Override
    public void log(Level level, ResourceBundle bundle, String format, Object... parameters) {
        log(level, bundle, format, (Throwable) null);
    }

    List<String> messages() {
        return entries.stream().map(Entry::message).toList();
    }

    List<Entry> errors() {
        return entries.stream().filter(entry -> entry.level() == Level.ERROR).toList();
    }
}
