package io.github.connlimit.benchmarks.load;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What the generator is to do. Each connection does its requests one after the other, is closed by a reset, and another
 * takes its place.
 *
 * @param port the port on 127.0.0.1
 * @param tls whether to speak TLS
 * @param firstAddress the number of the first client address; see {@link Sources}
 * @param addresses how many client addresses take turns
 * @param open how many connections may be open at once
 * @param connecting how many of these may be waiting for the first byte from the server: to be below its backlog
 * @param requests how many requests each connection does; 0 for none, to wait until the server ends it
 * @param perSecond how many connections to begin in a second; 0 for as many as can be
 * @param skipMillis how long not to measure at first
 * @param millis how long to measure
 * @param apart how far the numbers of two client addresses that follow one another are apart
 * @param trickleMillis 0, or how long to wait before each further byte of a request that never ends
 */
public record Workload(
        int port,
        boolean tls,
        int firstAddress,
        int addresses,
        int open,
        int connecting,
        int requests,
        int perSecond,
        int skipMillis,
        int millis,
        int apart,
        int trickleMillis) {

    /** With client addresses that follow one another. */
    public Workload(
            int port,
            boolean tls,
            int firstAddress,
            int addresses,
            int open,
            int connecting,
            int requests,
            int perSecond,
            int skipMillis,
            int millis) {
        this(port, tls, firstAddress, addresses, open, connecting, requests, perSecond, skipMillis, millis, 1, 0);
    }

    /** The same from client addresses that are so far apart. */
    public Workload apart(int distance) {
        return with(distance, trickleMillis);
    }

    /** The same with requests that never end, of which a byte comes now and then. */
    public Workload trickling(int everyMillis) {
        return with(apart, everyMillis);
    }

    private Workload with(int distance, int everyMillis) {
        return new Workload(
                port,
                tls,
                firstAddress,
                addresses,
                open,
                connecting,
                requests,
                perSecond,
                skipMillis,
                millis,
                distance,
                everyMillis);
    }

    /** For connections that are kept alive. */
    public static final int UNENDING = Integer.MAX_VALUE;

    /** A text that {@link #parse} reads. */
    @Override
    public String toString() {
        return Stream.of(
                        port,
                        tls ? 1 : 0,
                        firstAddress,
                        addresses,
                        open,
                        connecting,
                        requests,
                        perSecond,
                        skipMillis,
                        millis,
                        apart,
                        trickleMillis)
                .map(String::valueOf)
                .collect(Collectors.joining(" "));
    }

    static Workload parse(String text) {
        int[] v = Arrays.stream(text.trim().split(" "))
                .mapToInt(Integer::parseInt)
                .toArray();
        return new Workload(v[0], v[1] == 1, v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11]);
    }
}
