package io.github.connlimit;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A listener that keeps each event as a line of text. This class is thread-safe. */
final class RecordingListener implements LimiterListener {

    final List<String> events = new CopyOnWriteArrayList<>();

    @Override
    public void admitted(ClientUsage client) {
        events.add("admitted: " + text(client));
    }

    @Override
    public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
        events.add("refused: " + text(client) + " " + reason + text(dryRun));
    }

    @Override
    public void timedOut(ClientUsage client, ConnectionPhase phase, Duration timeout, boolean dryRun) {
        events.add("timed out: " + text(client) + " " + phase + " " + timeout + text(dryRun));
    }

    @Override
    public void closed(ClientUsage client) {
        events.add("closed: " + text(client));
    }

    private static String text(boolean dryRun) {
        return dryRun ? " (dry run)" : "";
    }

    private static String text(ClientUsage usage) {
        return usage.client() + " " + usage.openConnections() + "/" + usage.limit()
                + (usage.pendingConnections() == 0 ? "" : " pending " + usage.pendingConnections())
                + (usage.streams() == 0 ? "" : " streams " + usage.streams());
    }
}
