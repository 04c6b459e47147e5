package io.github.connlimit.cluster;

import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
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

/**
 * Reservations in Redis or Valkey: a hash for each client, which ends by itself with its last lease, and a key for the epoch
 * of each slice. All keys of a slice have one hash tag, so that one node of a Redis Cluster has them.
 */
final class RedisReservationStore implements ReservationStore {

    /** What the keys begin with, and the version of what is in them: nodes that know another format have other keys. */
    private static final String PREFIX = "connlimit:1:{";

    private static final String SCRIPT = script();
    private static final String DIGEST = Base16.digest(SCRIPT.getBytes(StandardCharsets.UTF_8));

    private final RedisConnection connection;
    private final String cluster;
    private final String lease;
    private final long patienceMillis;

    /**
     * @param cluster a name that all nodes with the same limits share
     * @param lease how long a reservation lasts
     */
    RedisReservationStore(RedisConnection connection, String cluster, Duration lease) {
        this.connection = connection;
        this.cluster = cluster;
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
        RedisConnection.Batch batch = connection.batch(requests.size());
        for (ReservationRequest request : requests) {
            CompletableFuture<Reservation> answer = commands.<List<Object>>evalsha(
                            DIGEST, ScriptOutputType.MULTI, keys(request), values(request))
                    .handle((read, error) -> isUnknown(error) ? load(commands, request) : settled(read, error))
                    .thenCompose(read -> read)
                    .thenApply(read -> reservation(read, request))
                    .toCompletableFuture()
                    .orTimeout(patienceMillis, TimeUnit.MILLISECONDS);
            answers.add(answer);
            answer.whenComplete((read, error) -> batch.answered(error));
        }
        connection.flush();
        return answers;
    }

    /** What an engine says need not be what the script would. */
    private static Reservation reservation(List<Object> answer, ReservationRequest request) {
        Reservation read = new Reservation(
                number(answer.get(0)),
                number(answer.get(1)),
                number(answer.get(2)),
                number(answer.get(3)),
                number(answer.get(4)),
                (String) answer.get(5));
        boolean possible = read.isLate() || read.connections() >= 0 && read.connections() <= request.wanted();
        if (!possible || read.epoch() == null) {
            throw new IllegalStateException("an answer that cannot be");
        }
        return read;
    }

    private static int number(Object part) {
        return Math.toIntExact((Long) part);
    }

    private static CompletionStage<List<Object>> settled(List<Object> answer, Throwable error) {
        return error == null ? CompletableFuture.completedFuture(answer) : CompletableFuture.failedFuture(error);
    }

    /** The engine has been started anew, or this is the first request ever. */
    private static boolean isUnknown(Throwable error) {
        Throwable cause = error instanceof CompletionException ? error.getCause() : error;
        return cause instanceof RedisNoScriptException;
    }

    private CompletionStage<List<Object>> load(
            RedisClusterAsyncCommands<String, String> commands, ReservationRequest request) {
        CompletionStage<List<Object>> answer =
                commands.eval(SCRIPT, ScriptOutputType.MULTI, keys(request), values(request));
        connection.flush();
        return answer;
    }

    private String[] keys(ReservationRequest request) {
        String slice = PREFIX + request.slice() + "}:" + cluster;
        return new String[] {slice + ":" + request.client(), slice};
    }

    private String[] values(ReservationRequest request) {
        return new String[] {
            request.node(),
            Long.toString(request.number()),
            Integer.toString(request.wanted()),
            Integer.toString(request.needed()),
            Integer.toString(request.least()),
            Integer.toString(request.held()),
            Integer.toString(request.limit()),
            lease
        };
    }

    private static IOException notConnected() {
        return new IOException("there is no connection to the engine");
    }

    @Override
    public String reason(Throwable error) {
        return connection.isOpen() ? RedisConnection.reason(error) : "";
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
