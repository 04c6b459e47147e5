package io.github.connlimit.examples;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.LimiterSnapshot;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * What happens in the demo, and what it promises. Each promise is an exact number, taken from what the client saw on
 * its sockets and compared with what the limiter counted.
 */
final class DemoScript {

    private static final int LIMIT = 20;
    private static final int LOWERED = 10;
    private static final int RAISED = 30;
    private static final int MODEST = 4;

    private static final int ATTEMPT_PAUSE_MILLIS = 20;
    private static final int STEP_PAUSE_MILLIS = 500;
    private static final long CLOSE_TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final ConnectionLimiter limiter;
    private final Tally tally;
    private final Screen screen;
    private final Promises promises;
    private final DemoClient greedy;
    private final DemoClient modest;

    DemoScript(
            ConnectionLimiter limiter,
            Tally tally,
            Screen screen,
            Promises promises,
            DemoClient greedy,
            DemoClient modest) {
        this.limiter = limiter;
        this.tally = tally;
        this.screen = screen;
        this.promises = promises;
        this.greedy = greedy;
        this.modest = modest;
    }

    /**
     * Plays it all.
     *
     * @throws BrokenPromiseException at the first promise that is not kept
     */
    void play() throws IOException, InterruptedException, BrokenPromiseException {
        limit(LIMIT);
        attempt(modest, MODEST, MODEST);
        SteadyRequests requests = new SteadyRequests(modest);
        attempt(greedy, 3 * LIMIT, LIMIT);
        lower();
        raise();
        requests.stop();
        screen.say(modest + " has sent " + requests.sent() + " requests meanwhile.");
        promises.check("of them without an answer", 0, requests.failed());
        promises.check("its connections", new Tally.Count(MODEST, 0), tally.of(modest.address()));
        leave();
    }

    private void lower() throws IOException, InterruptedException, BrokenPromiseException {
        limit(LOWERED);
        promises.check("connections of greedy that go on being served", LIMIT, greedy.requestOnAll());
        attempt(greedy, LOWERED, 0);
        close(greedy, LIMIT - LOWERED + 1, LOWERED - 1);
        attempt(greedy, LOWERED, 1);
    }

    private void raise() throws IOException, InterruptedException, BrokenPromiseException {
        limit(RAISED);
        attempt(greedy, RAISED, RAISED - LOWERED);
        promises.check("connections of greedy that are being served", RAISED, greedy.requestOnAll());
    }

    private void leave() throws IOException, InterruptedException, BrokenPromiseException {
        close(greedy, RAISED, 0);
        close(modest, MODEST, 0);
        LimiterSnapshot last = limiter.snapshot();
        promises.check("clients that the limiter remembers", 0L, last.clients());
        promises.check("connections that it still counts", 0L, last.openConnections());
    }

    private void limit(int connections) throws InterruptedException {
        screen.say("The limit is now " + connections + " connections per client.");
        limiter.reconfigure(
                limits -> limits.toBuilder().maxPerClient(connections).build());
        Thread.sleep(STEP_PAUSE_MILLIS);
    }

    private void attempt(DemoClient client, int attempts, int admitted)
            throws IOException, InterruptedException, BrokenPromiseException {
        screen.say(client + " tries to open " + attempts + " connections.");
        Tally.Count before = tally.of(client.address());
        Tally.Count seen = client.open(attempts, ATTEMPT_PAUSE_MILLIS);
        Tally.Count promised = new Tally.Count(admitted, attempts - admitted);
        promises.check("it sees", promised, seen);
        promises.check(
                "the limiter counts", promised, tally.of(client.address()).since(before));
        step();
    }

    private void close(DemoClient client, int connections, int left)
            throws IOException, InterruptedException, BrokenPromiseException {
        screen.say(client + " closes " + connections + " connections.");
        client.close(connections);
        // The server learns of it a moment later.
        await(() -> limiter.openConnections(client.address()) == left);
        promises.check("still open", left, limiter.openConnections(client.address()));
        step();
    }

    private void step() throws InterruptedException {
        screen.showTable();
        Thread.sleep(STEP_PAUSE_MILLIS);
    }

    private static void await(BooleanSupplier condition) throws InterruptedException {
        long start = System.nanoTime();
        while (!condition.getAsBoolean() && System.nanoTime() - start < CLOSE_TIMEOUT_NANOS) {
            Thread.sleep(ATTEMPT_PAUSE_MILLIS);
        }
    }
}
