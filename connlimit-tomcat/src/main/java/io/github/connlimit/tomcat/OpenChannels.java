package io.github.connlimit.tomcat;

import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.NetworkChannel;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;

/**
 * The counted connections of an endpoint by their remote address, which is all that a request tells of its connection, and
 * what to do at their end. This class is thread-safe.
 *
 * @param <U> the channel of a connection
 */
final class OpenChannels<U extends NetworkChannel> {

    private final Transport<U> transport;
    private final Map<SocketAddress, U> byRemote = new ConcurrentHashMap<>();

    /** What to do at the end of some connections. Almost always empty. */
    private final Map<U, Runnable> whenClosed = new ConcurrentHashMap<>();

    OpenChannels(Transport<U> transport) {
        this.transport = transport;
    }

    void add(SocketAddress remote, U channel) {
        byRemote.put(remote, channel);
    }

    Optional<U> find(SocketAddress remote) {
        return Optional.ofNullable(byRemote.get(remote));
    }

    /**
     * Runs the action when the connection with this remote address has ended; at once if it has.
     *
     * @param counted whether a connection is counted still
     */
    void whenClosed(SocketAddress remote, Runnable action, Predicate<U> counted) {
        U channel = byRemote.get(remote);
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
        for (U channel : whenClosed.keySet()) {
            if (!channel.isOpen()) {
                runWhenClosed(channel);
            }
        }
    }

    void forgetAll() {
        byRemote.clear();
        whenClosed.keySet().forEach(this::runWhenClosed);
    }

    boolean isEmpty() {
        return byRemote.isEmpty() && whenClosed.isEmpty();
    }
}
