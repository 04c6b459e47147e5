package io.github.connlimit.cluster;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SocketOptions;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulConnection;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.ClusterClientOptions;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.cluster.RedisClusterURIUtil;
import io.lettuce.core.cluster.api.StatefulRedisClusterConnection;
import io.lettuce.core.cluster.api.async.RedisClusterAsyncCommands;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import java.net.SocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * A connection to one Redis or Valkey, by Sentinel, or to a Redis Cluster. It is made again when it has ended, and when it is
 * there but has not answered for a while: what was cut off silently would otherwise come back as late as TCP tries again. This
 * class is thread-safe, and never waits.
 */
final class RedisConnection implements AutoCloseable {

    private static final Delay RECONNECT =
            Delay.exponential(Duration.ofMillis(50), Duration.ofSeconds(1), 2, TimeUnit.MILLISECONDS);

    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(2);

    /** An engine that is gone is not asked for a connection more often. */
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(500);

    /** After so many batches without an answer, one after the other. */
    private static final int MOST_UNANSWERED = 3;

    private final Supplier<CompletionStage<? extends StatefulConnection<String, String>>> connector;
    private final Runnable end;

    // Guarded by this, as all that follows.
    private CompletableFuture<? extends StatefulConnection<String, String>> connecting;
    private long connectingNanos;
    private int connections;
    private int unanswered;
    private boolean closed;

    /**
     * Begins to connect.
     *
     * @param end gives back what the connector uses, and so closes the connection
     */
    private RedisConnection(
            Supplier<CompletionStage<? extends StatefulConnection<String, String>>> connector, Runnable end) {
        this.connector = connector;
        this.end = end;
        this.connecting = connect();
    }

    private CompletableFuture<? extends StatefulConnection<String, String>> connect() {
        connectingNanos = System.nanoTime();
        return connector
                .get()
                .thenApply(connection -> {
                    connected();
                    connection.addListener(new RedisConnectionStateListener() {
                        @Override
                        public void onRedisConnected(RedisChannelHandler<?, ?> again, SocketAddress address) {
                            connected();
                        }
                    });
                    return connection;
                })
                .toCompletableFuture();
    }

    private synchronized void connected() {
        connections++;
    }

    /**
     * Begins to connect.
     *
     * @param uri of one engine, of Sentinels, or of several nodes of a Redis Cluster
     * @param patience how long an answer may take
     * @throws IllegalArgumentException if it is no such URI; the message may have the password in it
     */
    static RedisConnection to(String uri, Duration patience) {
        boolean cluster = !uri.contains("-sentinel://") && uri.contains(",");
        List<RedisURI> uris = cluster ? nodes(uri) : List.of(one(uri));
        ClientResources resources =
                ClientResources.builder().reconnectDelay(RECONNECT).build();
        TimeoutOptions timeouts = TimeoutOptions.enabled(patience);
        SocketOptions sockets =
                SocketOptions.builder().connectTimeout(CONNECT_TIMEOUT).build();
        // Until the end of the handshake, TLS and Redis's own.
        uris.forEach(one -> one.setTimeout(CONNECT_TIMEOUT));
        if (cluster) {
            RedisClusterClient client = RedisClusterClient.create(resources, uris);
            client.setOptions(ClusterClientOptions.builder()
                    .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                    .timeoutOptions(timeouts)
                    .socketOptions(sockets)
                    .build());
            return new RedisConnection(
                    () -> client.refreshPartitionsAsync().thenCompose(known -> client.connectAsync(StringCodec.UTF8)),
                    () -> end(client, resources));
        }
        RedisClient client = RedisClient.create(resources);
        client.setOptions(ClientOptions.builder()
                .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                .timeoutOptions(timeouts)
                .socketOptions(sockets)
                .build());
        return new RedisConnection(
                () -> client.connectAsync(StringCodec.UTF8, uris.get(0)).thenApply(RedisConnection::batching),
                () -> end(client, resources));
    }

    private static RedisURI one(String uri) {
        RedisURI read = RedisURI.create(uri);
        String host = read.getSentinels().isEmpty() ? read.getHost() : "sentinel";
        // Lettuce takes a port that is no number for a part of the name.
        if (host == null || host.matches("[^:]*:[^:]*")) {
            throw new IllegalArgumentException("no host, or no number for its port");
        }
        return read;
    }

    private static List<RedisURI> nodes(String uri) {
        return RedisClusterURIUtil.toRedisURIs(URI.create(uri));
    }

    /** All requests of a batch go in one write. */
    private static StatefulRedisConnection<String, String> batching(
            StatefulRedisConnection<String, String> connection) {
        connection.setAutoFlushCommands(false);
        return connection;
    }

    private static void end(AbstractRedisClient client, ClientResources resources) {
        client.shutdownAsync(0, 1, TimeUnit.SECONDS).whenComplete((ended, error) -> resources.shutdown());
    }

    /** {@return the connection, or {@code null} while there is none} Lettuce connects again by itself, but for the first time. */
    private synchronized StatefulConnection<String, String> connection() {
        if (connecting.isCompletedExceptionally() && mayConnect()) {
            connecting = connect();
        }
        return connecting.isCompletedExceptionally() ? null : connecting.getNow(null);
    }

    /** {@return what sends commands, or {@code null} while there is no connection} */
    RedisClusterAsyncCommands<String, String> commands() {
        StatefulConnection<String, String> connection = connection();
        if (connection instanceof StatefulRedisClusterConnection<String, String> cluster) {
            return cluster.async();
        }
        return connection == null ? null : ((StatefulRedisConnection<String, String>) connection).async();
    }

    /** Sends what has been asked for. A cluster's commands have been sent already: they are for several nodes. */
    void flush() {
        if (connection() instanceof StatefulRedisConnection<String, String> one) {
            one.flushCommands();
        }
    }

    /** Says whether a batch has been answered. */
    synchronized void answered(boolean answered) {
        unanswered = answered ? 0 : unanswered + 1;
        // While it is not open, Lettuce connects again by itself.
        if (unanswered >= MOST_UNANSWERED && isOpen() && mayConnect()) {
            unanswered = 0;
            connecting.thenAccept(StatefulConnection::closeAsync);
            connecting = connect();
        }
    }

    private boolean mayConnect() {
        return !closed && System.nanoTime() - connectingNanos >= RETRY_NANOS;
    }

    boolean isOpen() {
        StatefulConnection<String, String> connection = connection();
        // One to a Redis Cluster stands for several, and never says that it is open.
        return connection instanceof StatefulRedisClusterConnection || connection != null && connection.isOpen();
    }

    /** {@return how often a connection has been made} */
    synchronized int connections() {
        return connections;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            end.run();
        }
    }
}
