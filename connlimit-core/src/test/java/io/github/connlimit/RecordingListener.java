package io.github.connlimit;

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
        events.add("refused: " + text(client));
    }

    @Override
    public void closed(ClientUsage client) {
        events.add("closed: " + text(client));
    }

    private static String text(ClientUsage usage) {
        return usage.client() + " " + usage.openConnections() + "/" + usage.limit();
    }
}
