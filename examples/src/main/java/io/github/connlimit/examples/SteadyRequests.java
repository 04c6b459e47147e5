package io.github.connlimit.examples;

import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Asks for a page on each open connection of a client, over and over, in a thread of its own, until stopped. */
final class SteadyRequests {

    private static final int PAUSE_MILLIS = 50;
    private static final long STOP_MILLIS = TimeUnit.SECONDS.toMillis(10);

    private final DemoClient client;
    private final Thread thread = new Thread(this::run, "steady-requests");
    private volatile boolean stopped;

    /** Written by the thread only; read by others when it has ended. */
    private int sent;

    private int failed;

    SteadyRequests(DemoClient client) {
        this.client = client;
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        while (!stopped) {
            int connections = client.connections();
            sent += connections;
            try {
                failed += connections - client.requestOnAll();
                Thread.sleep(PAUSE_MILLIS);
            } catch (IOException | InterruptedException | RuntimeException ended) {
                failed++;
                return;
            }
        }
    }

    /** Stops after the requests under way have been answered. */
    void stop() throws InterruptedException {
        stopped = true;
        thread.join(STOP_MILLIS);
        if (thread.isAlive()) {
            throw new IllegalStateException("a request is still waiting for its answer");
        }
    }

    int sent() {
        return sent;
    }

    int failed() {
        return failed;
    }
}
