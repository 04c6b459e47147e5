package io.github.connlimit.it;

import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What the servers under test serve: {@code /} answers, {@code /hold} when the test lets it, {@code /throw} throws,
 * {@code /count} notes how many requests of a client are being served, {@code /async} is answered by
 * {@link #later}, {@code /body} with the request's body. Thread-safe.
 */
final class Application {

    static final String ANSWER = "OK";

    /** A request is held for no longer than this: a test that fails should not hang. */
    private static final long MAX_HOLD_SECONDS = 60;

    private final CountDownLatch released = new CountDownLatch(1);
    private final AtomicInteger held = new AtomicInteger();
    private final Queue<Runnable> later = new ConcurrentLinkedQueue<>();
    private final Map<String, Integer> served = new ConcurrentHashMap<>();
    private final Map<String, Integer> mostServed = new ConcurrentHashMap<>();

    /**
     * Answers a request.
     *
     * @param path what is asked for
     * @param peer the address of the client
     * @return the body of the response
     */
    String answer(String path, String peer) throws InterruptedException {
        switch (path) {
            case "/":
                return ANSWER;
            case "/hold":
                held.incrementAndGet();
                if (!released.await(MAX_HOLD_SECONDS, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("held for " + MAX_HOLD_SECONDS + " s");
                }
                return ANSWER;
            case "/count":
                int now = served.merge(peer, 1, Integer::sum);
                mostServed.merge(peer, now, Math::max);
                Thread.yield();
                served.merge(peer, -1, Integer::sum);
                return ANSWER;
            case "/throw":
                throw new IllegalStateException("thrown by the application");
            default:
                throw new IllegalArgumentException("no such path: " + path);
        }
    }

    /** How many requests have been held so far. */
    int held() {
        return held.get();
    }

    /** Lets the requests go that are held, and those to come. */
    void release() {
        released.countDown();
    }

    /** Keeps what will complete an asynchronous request. */
    void later(Runnable completion) {
        later.add(completion);
    }

    /** How many asynchronous requests wait to be completed. */
    int pending() {
        return later.size();
    }

    /** Completes all asynchronous requests. */
    void completeLater() {
        for (Runnable completion = later.poll(); completion != null; completion = later.poll()) {
            completion.run();
        }
    }

    /** The largest number of {@code /count} requests that were served to a client at once; by address. */
    Map<String, Integer> mostServed() {
        return mostServed;
    }
}
