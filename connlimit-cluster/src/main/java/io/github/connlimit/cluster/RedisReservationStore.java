package io.github.connlimit.cluster;

import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SetArgs;
import io.lettuce.core.cluster.api.async.RedisClusterAsyncCommands;
import io.lettuce.core.codec.Base16;
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
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Reservations in Redis or Valkey: a hash for each client, which ends by itself with its last lease, and one key for the epoch,
 * which is made anew by whoever finds that it has gone.
 */
final class RedisReservationStore implements ReservationStore {

    private static final String SCRIPT = script();
    private static final String DIGEST = Base16.digest(SCRIPT.getBytes(StandardCharsets.UTF_8));

    private final RedisConnection connection;
    private final String prefix;
    private final String node;
    private final String lease;
    private final long patienceMillis;
    private final AtomicLong batches = new AtomicLong();

    /**
     * @param cluster a name that all nodes with the same limits share
     * @param node a name that no other node has, and none has had before
     * @param lease how long a reservation lasts
     */
    RedisReservationStore(RedisConnection connection, String cluster, String node, Duration lease) {
        this.connection = connection;
        this.prefix = "connlimit:" + cluster + ":";
        this.node = node;
        this.lease = Long.toString(lease.toMillis());
        this.patienceMillis = ClusterCoordinator.patience(lease).toMillis();
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
        RedisClusterAsyncCommands<String, String> commands = connection.commands();
        if (commands == null) {
            requests.forEach(request -> answers.add(CompletableFuture.failedFuture(notConnected())));
            return answers;
        }
        CompletionStage<String> epoch = epoch(commands);
        for (ReservationRequest request : requests) {
            answers.add(commands.<List<Long>>evalsha(DIGEST, ScriptOutputType.MULTI, keys(request), values(request))
                    .handle((answer, error) -> isUnknown(error) ? load(commands, request) : settled(answer, error))
                    .thenCompose(answer -> answer)
                    .thenCombine(epoch, RedisReservationStore::reservation)
                    .toCompletableFuture()
                    .orTimeout(patienceMillis, TimeUnit.MILLISECONDS));
        }
        connection.flush();
        return answers;
    }

    /** Before all requests of a batch: what they are answered by cannot be from before this epoch. */
    private CompletionStage<String> epoch(RedisClusterAsyncCommands<String, String> commands) {
        String key = prefix + "epoch";
        commands.set(key, node + ":" + batches.incrementAndGet(), SetArgs.Builder.nx());
        CompletableFuture<String> epoch = commands.get(key)
                .thenApply(value -> value == null ? "" : value)
                .toCompletableFuture()
                .orTimeout(patienceMillis, TimeUnit.MILLISECONDS);
        epoch.whenComplete((value, error) -> connection.answered(error));
        return epoch;
    }

    private static Reservation reservation(List<Long> answer, String epoch) {
        return new Reservation(
                Math.toIntExact(answer.get(0)), Math.toIntExact(answer.get(1)), Math.toIntExact(answer.get(2)), epoch);
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
            RedisClusterAsyncCommands<String, String> commands, ReservationRequest request) {
        CompletionStage<List<Long>> answer =
                commands.eval(SCRIPT, ScriptOutputType.MULTI, keys(request), values(request));
        connection.flush();
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
    public CompletionStage<String> epoch() {
        RedisClusterAsyncCommands<String, String> commands = connection.commands();
        if (commands == null) {
            return CompletableFuture.failedFuture(notConnected());
        }
        CompletionStage<String> epoch = epoch(commands);
        connection.flush();
        return epoch;
    }

    private static IOException notConnected() {
        return new IOException("there is no connection to the engine");
    }

    @Override
    public boolean isConnected() {
        return connection.isOpen();
    }

    @Override
    public String failure() {
        return connection.failure();
    }

    @Override
    public int connections() {
        return connection.connections();
    }

    @Override
    public void close() {
        connection.close();
    }
}
