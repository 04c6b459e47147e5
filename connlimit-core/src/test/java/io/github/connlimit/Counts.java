package io.github.connlimit;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.Map;

/** Makes, for tests, counts that would take long to count, and figures that are mostly zero. */
final class Counts {

    private static final VarHandle OPEN = open();

    private Counts() {}

    private static VarHandle open() {
        try {
            return MethodHandles.privateLookupIn(Client.class, MethodHandles.lookup())
                    .findVarHandle(Client.class, "open", int.class);
        } catch (ReflectiveOperationException error) {
            throw new ExceptionInInitializerError(error);
        }
    }

    /** Gives a client this many open connections at a stroke. */
    static void open(Client client, int connections) {
        OPEN.setVolatile(client, connections);
    }

    /** The figures of a limiter that has refused connections because of their number only, or none. */
    static LimiterSnapshot snapshot(
            long openConnections, long clients, long admitted, long refused, List<ClientUsage> topClients) {
        return new LimiterSnapshot(
                openConnections,
                0,
                0,
                clients,
                topClients.stream().mapToInt(ClientUsage::openConnections).max().orElse(0),
                admitted,
                Map.of(RefusalReason.CONNECTIONS, refused),
                Map.of(),
                Map.of(),
                Map.of(),
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                topClients,
                List.of());
    }
}
