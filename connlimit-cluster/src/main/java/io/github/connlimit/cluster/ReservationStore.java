package io.github.connlimit.cluster;

import java.util.List;
import java.util.concurrent.CompletionStage;

/**
 * Keeps the reservations of all nodes. For each client, whatever the order in which requests arrive, and if some arrive late,
 * twice or never:
 *
 * <ul>
 *   <li>those of all nodes whose leases last never exceed the limit, if all nodes ask with the same one;
 *   <li>a node that wants more gets half of what is left, rounded up, or the least that is of use to it; at most what it wants,
 *       and nothing if there is not even the least;
 *   <li>a lease begins when the request is carried out, and so ends no sooner than one that is counted from the moment in
 *       which the request was sent.
 * </ul>
 *
 * <p>Implementations are thread-safe, and never wait.
 */
interface ReservationStore extends AutoCloseable {

    /**
     * Clients are dealt out to so many slices, by what they are called. The store keeps a slice as one: it is lost as one, too.
     */
    int SLICES = 64;

    /** {@return the slice of a client, the same on each node} */
    static int slice(String client) {
        int hash = client.hashCode();
        return (hash ^ hash >>> 16) & SLICES - 1;
    }

    /**
     * Asks for reservations, each of which begins a new lease.
     *
     * @param requests for different clients
     * @return the answers in the order of the requests; each fails if there is none in time
     */
    List<CompletionStage<Reservation>> reserve(List<ReservationRequest> requests);

    /** {@return the reason of a failed answer in a few words, without any secret; empty if there was none in time} */
    String reason(Throwable error);

    /** {@return whether there is a connection to the engine, whether it answers or not} */
    boolean isConnected();

    /** {@return why there is none, or no answer, without any secret; empty if that is not known} */
    String failure();

    /** {@return how often one has been made} */
    int connections();

    /** Ends the connection, once what was asked for has been sent; answers that are still out fail. */
    @Override
    void close();
}
