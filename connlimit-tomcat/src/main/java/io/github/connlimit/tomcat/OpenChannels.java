package io.github.connlimit.tomcat;

import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.NetworkChannel;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * The counted connections of an endpoint by their ends, which is all that a request tells of its connection, and what to do
 * when they are closed. This class is thread-safe.
 *
 * @param <U> the channel of a connection
 */
final class OpenChannels<U extends NetworkChannel> {

    private final Transport<U> transport;
    private final Map<SocketAddress, U> byRemote = new ConcurrentHashMap<>();

    /** Those whose remote address was that of another one already, to another address of this server. Almost always empty. */
    private final Map<Ends, U> byBoth = new ConcurrentHashMap<>();

    /** What to do at the end of some connections. Almost always empty. */
    private final Map<U, Runnable> whenClosed = new ConcurrentHashMap<>();

    OpenChannels(Transport<U> transport) {
        this.transport = transport;
    }

    private record Ends(SocketAddress remote, SocketAddress local) {}

    void add(SocketAddress remote, U channel) throws IOException {
        U other = byRemote.putIfAbsent(remote, channel);
        if (other != null) {
            SocketAddress local = channel.getLocalAddress();
            if (!isOpenAt(other, local)) {
                byRemote.put(remote, channel);
            } else {
                byBoth.put(new Ends(remote, local), channel);
            }
        }
    }

    /** Whether a connection is open, and not in the place of one that has this local address. */
    private static boolean isOpenAt(NetworkChannel other, SocketAddress local) {
        try {
            return other.isOpen() && !Objects.equals(local, other.getLocalAddress());
        } catch (IOException closed) {
            return false;
        }
    }

    Optional<U> find(ConnectionEnds ends) {
        return Optional.ofNullable(channel(ends));
    }

    private U channel(ConnectionEnds ends) {
        if (!byBoth.isEmpty()) {
            U exact = byBoth.get(new Ends(ends.remote(), ends.local()));
            if (exact != null) {
                return exact;
            }
        }
        return byRemote.get(ends.remote());
    }

    /**
     * Runs the action when a connection has ended; at once if it has.
     *
     * @param counted whether a connection is counted still
     */
    void whenClosed(ConnectionEnds ends, Runnable action, Predicate<U> counted) {
        U channel = channel(ends);
        if (channel == null) {
            action.run();
            return;
        }
        Runnable before = whenClosed.put(channel, action);
        if (before != null) {
            before.run();
        }
        // Released in between, perhaps.
        if (!counted.test(channel)) {
            runWhenClosed(channel);
        }
    }

    /** To be called before the permit of a connection is given back. */
    void forget(U channel) {
        if (!byBoth.isEmpty()) {
            byBoth.values().remove(channel);
        }
        try {
            SocketAddress remote = transport.remoteAddress(channel);
            if (remote != null) {
                byRemote.remove(remote, channel);
            }
        } catch (IOException closed) {
            // The sweep will find it.
        }
    }

    /** To be called after the permit of a connection has been given back. */
    void runWhenClosed(U channel) {
        if (!whenClosed.isEmpty()) {
            Runnable action = whenClosed.remove(channel);
            if (action != null) {
                action.run();
            }
        }
    }

    void forgetClosed() {
        byRemote.values().removeIf(channel -> !channel.isOpen());
        byBoth.values().removeIf(channel -> !channel.isOpen());
        for (U channel : whenClosed.keySet()) {
            if (!channel.isOpen()) {
                runWhenClosed(channel);
            }
        }
    }

    void forgetAll() {
        byRemote.clear();
        byBoth.clear();
        whenClosed.keySet().forEach(this::runWhenClosed);
    }

    boolean isEmpty() {
        return byRemote.isEmpty() && byBoth.isEmpty() && whenClosed.isEmpty();
    }
}
