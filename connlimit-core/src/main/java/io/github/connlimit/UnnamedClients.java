package io.github.connlimit;

import java.net.InetAddress;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What trusted proxies have written in place of a client's address. All of it is counted, and the first is logged: it is
 * input, not an error, and whoever sends it could fill a log. This class is thread-safe.
 */
final class UnnamedClients {

    private static final int MAX_SHOWN = 60;

    private final System.Logger logger;
    private final Tally total = new Tally();

    /** Once true, always true. */
    private final AtomicBoolean logged = new AtomicBoolean();

    UnnamedClients(System.Logger logger) {
        this.logger = logger;
    }

    /** @param proxy {@code null} if it has no address */
    void count(InetAddress proxy, String name) {
        total.increment();
        if (logged.get() || !logged.compareAndSet(false, true)) {
            return;
        }
        String who = proxy == null ? "a proxy without an address" : "the proxy " + proxy.getHostAddress();
        logger.log(
                System.Logger.Level.WARNING,
                who + " names a client by \"" + shown(name)
                        + "\", which is no IP address: such connections and requests count for the proxy itself."
                        + " This is logged once; the figure unnamedClients counts them");
    }

    private static String shown(String name) {
        String head = name.length() > MAX_SHOWN ? name.substring(0, MAX_SHOWN) + "..." : name;
        return head.replaceAll("[^ -~]", "?");
    }

    long total() {
        return total.get();
    }
}
