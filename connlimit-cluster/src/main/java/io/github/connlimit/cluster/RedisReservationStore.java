package io.github.connlimit.cluster;

import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.TimeoutOptions;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.StringCodec;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;

/** Reservations in Redis or Valkey: a hash for each client, which ends by itself with its last lease. */
final class RedisReservationStore implements ReservationStore {

    private static final String SCRIPT = script();

    private final RedisClient client;
    private final RedisURI uri;
    private final String prefix;
    private final String lease;
    /** Guarded by this. */
    private CompletableFuture<StatefulRedisConnection<String, String>> connecting;

    /**
     * Begins to connect.
     *
     * @param uri where the engine is
     * @param cluster a name that all nodes with the same limits share
     * @param lease how long a reservation lasts
     * @param patience how long an answer may take
     */
    RedisReservationStore(RedisURI uri, String cluster, Duration lease, Duration patience) {
        this.uri = uri;
        this.prefix = "connlimit:" + cluster + ":";
        this.lease = Long.toString(lease.toMillis());
        this.client = RedisClient.create();
        client.setOptions(ClientOptions.builder()
                .disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS)
                .timeoutOptions(TimeoutOptions.enabled(patience))
                .build());
        this.connecting = connect();
    }

    private CompletableFuture<StatefulRedisConnection<String, String>> connect() {
        return client.connectAsync(StringCodec.UTF8, uri)
                .thenApply(connection -> {
                    // All requests of a batch go in one write.
                    connection.setAutoFlushCommands(false);
                    return connection;
                })
                .toCompletableFuture();
    }

    /** {@return the connection, or {@code null} while there has been none} Lettuce connects again by itself, but for the first time. */
    private synchronized StatefulRedisConnection<String, String> connection() {
        if (connecting.isCompletedExceptionally()) {
            connecting = connect();
        }
        return connecting.getNow(null);
    }

    private static String script() {
        try (InputStream in = RedisReservationStore.class.getResourceAsStream("reserve.lua")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    @Override
    public List<CompletionStage<Reservation>> reserve(List<ReservationRequest> requests) {
        List<CompletionStage<Reservation>> answers = new ArrayList<>(requests.size());
        StatefulRedisConnection<String, String> connection = connection();
        if (connection == null) {
            requests.forEach(request -> answers.add(
                    CompletableFuture.failedFuture(new IOException("there is no connection to the engine"))));
            return answers;
        }
        RedisAsyncCommands<String, String> commands = connection.async();
        String digest = commands.digest(SCRIPT);
        for (ReservationRequest request : requests) {
            answers.add(commands.<List<Long>>evalsha(digest, ScriptOutputType.MULTI, keys(request), values(request))
                    .handle((answer, error) -> isUnknown(error) ? load(connection, request) : settled(answer, error))
                    .thenCompose(answer -> answer)
                    .thenApply(numbers ->
                            new Reservation(Math.toIntExact(numbers.get(0)), Math.toIntExact(numbers.get(1)))));
        }
        connection.flushCommands();
        return answers;
    }

    private static CompletionStage<List<Long>> settled(List<Long> answer, Throwable error) {
        return error == null ? CompletableFuture.completedFuture(answer) : CompletableFuture.failedFuture(error);
    }

    /** The engine has been started anew, or this is the first request ever. */
    private static boolean isUnknown(Throwable error) {
        Throwable cause = error instanceof CompletionException ? error.getCause() : error;
        return cause instanceof RedisNoScriptException;
    }

    private CompletionStage<List<Long>> load(
            StatefulRedisConnection<String, String> connection, ReservationRequest request) {
        CompletionStage<List<Long>> answer =
                connection.async().eval(SCRIPT, ScriptOutputType.MULTI, keys(request), values(request));
        connection.flushCommands();
        return answer;
    }

    private String[] keys(ReservationRequest request) {
        return new String[] {prefix + request.client()};
    }

    private String[] values(ReservationRequest request) {
        return new String[] {
            request.node(),
            Long.toString(request.number()),
            Integer.toString(request.wanted()),
            Integer.toString(request.held()),
            Integer.toString(request.limit()),
            lease
        };
    }

    @Override
    public synchronized void close() {
        connecting.thenAccept(StatefulRedisConnection::closeAsync);
        client.shutdownAsync();
    }
}
