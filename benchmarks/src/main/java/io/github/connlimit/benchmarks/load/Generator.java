package io.github.connlimit.benchmarks.load;

import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import org.HdrHistogram.Histogram;

/** Makes real connections and requests, as many as one thread can. Not thread-safe. */
final class Generator implements AutoCloseable {

    private static final byte[] REQUEST =
            "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    private static final byte[] BEGINNING =
            "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] BYTE = {'x'};

    /** A response has to fit in, and a whole TLS record. */
    private static final int BUFFER_BYTES = 20_000;

    private static final long HOLD_NANOS = TimeUnit.MINUTES.toNanos(2);
    private static final long MAX_LATENCY_NANOS = TimeUnit.MINUTES.toNanos(10);

    private final Selector selector = Selector.open();
    private final SSLContext tls = TlsWire.context();
    private final ArrayDeque<ByteBuffer> buffers = new ArrayDeque<>();
    private final List<SocketChannel> held = new ArrayList<>();
    private final Sources sources = new Sources();

    /** Those whose request never ends, by when the next byte of it is due. */
    private final ArrayDeque<Connection> trickling = new ArrayDeque<>();

    // Of the workload that is running.
    private final Set<Connection> open = new HashSet<>();
    private InetSocketAddress server;
    private Workload work;
    private boolean holding;
    private int nextSource;
    private int connecting;
    private long toBegin;
    private long nextDueNanos;

    /** Whether a connection that was due had to wait for another to end. */
    private boolean late;

    private Tally tally;

    Generator() throws IOException {}

    /** The counts of a workload, from when it is measured. */
    private static final class Tally {

        private final Histogram latencies = new Histogram(MAX_LATENCY_NANOS, 3);
        private long completed;
        private long rejected;
        private long refused;
        private long failed;
        private long unanswered;

        private void latency(long nanos) {
            latencies.recordValue(Math.min(nanos, MAX_LATENCY_NANOS));
        }
    }

    /** Does the work and closes all its connections. */
    LoadResult run(Workload workload) throws IOException {
        begin(workload, false, Long.MAX_VALUE);
        long now = System.nanoTime();
        long measureFrom = now + TimeUnit.MILLISECONDS.toNanos(workload.skipMillis());
        turnUntil(measureFrom);
        tally = new Tally();
        long cpu = cpuNanos();
        long from = System.nanoTime();
        turnUntil(from + TimeUnit.MILLISECONDS.toNanos(workload.millis()));
        long to = System.nanoTime();
        countUnanswered(to);
        countTrickling(to);
        LoadResult result = new LoadResult(
                to - from,
                tally.completed,
                tally.rejected,
                tally.refused,
                tally.failed,
                tally.unanswered,
                tally.latencies.getValueAtPercentile(50),
                tally.latencies.getValueAtPercentile(99),
                tally.latencies.getMaxValue(),
                cpuNanos() - cpu);
        for (Connection connection : List.copyOf(open)) {
            connection.end();
        }
        selector.selectNow();
        return result;
    }

    /**
     * Opens connections, does one request on each, and keeps them open, idle, until {@link #release}.
     *
     * @param count how many more to hold
     * @param workload where from and where to, and how many at once
     * @return how many are held now
     */
    int hold(int count, Workload workload) throws IOException {
        int before = held.size();
        begin(workload, true, count);
        long until = System.nanoTime() + HOLD_NANOS;
        while (!isDone() && System.nanoTime() < until) {
            turn(until);
        }
        if (held.size() < before + count) {
            throw new IOException("only " + (held.size() - before) + " of " + count + " connections could be made; "
                    + tally.refused + " refused, " + tally.rejected + " rejected, " + tally.failed + " failed");
        }
        return held.size();
    }

    /**
     * Closes the held connections.
     *
     * @return how many were open no longer
     */
    int release() {
        int lost = 0;
        for (SocketChannel channel : held) {
            lost += isOpen(channel) ? 0 : 1;
            reset(channel);
        }
        held.clear();
        return lost;
    }

    private static boolean isOpen(SocketChannel channel) {
        try {
            return channel.read(ByteBuffer.allocate(1)) == 0;
        } catch (IOException ended) {
            return false;
        }
    }

    @Override
    public void close() throws IOException {
        release();
        selector.close();
    }

    private void begin(Workload workload, boolean hold, long count) {
        if (!open.isEmpty()) {
            throw new IllegalStateException("still at work");
        }
        work = workload;
        holding = hold;
        server = new InetSocketAddress(InetAddress.getLoopbackAddress(), workload.port());
        nextSource = 0;
        connecting = 0;
        toBegin = count;
        nextDueNanos = System.nanoTime();
        late = false;
        tally = new Tally();
    }

    private void turnUntil(long nanos) throws IOException {
        while (System.nanoTime() < nanos) {
            turn(nanos);
        }
    }

    private void turn(long untilNanos) throws IOException {
        topUp(untilNanos);
        if (isDone()) {
            return;
        }
        long now = System.nanoTime();
        long wait = Math.min(untilNanos - now, trickle(now));
        if (mayBegin()) {
            // Without a pace there is room only if connecting has failed: to be tried again, but not at once.
            wait = work.perSecond() > 0 ? Math.min(wait, nextDueNanos - now) : 0;
        }
        selector.select(
                key -> ((Connection) key.attachment()).ready(), Math.max(1, TimeUnit.NANOSECONDS.toMillis(wait)));
    }

    /** Sends what is due, and tells how long there is nothing to send. */
    private long trickle(long nowNanos) {
        while (!trickling.isEmpty() && trickling.peek().nextByteNanos - nowNanos <= 0) {
            trickling.poll().trickle(nowNanos);
        }
        return trickling.isEmpty() ? Long.MAX_VALUE : trickling.peek().nextByteNanos - nowNanos;
    }

    private boolean isDone() {
        return toBegin == 0 && open.isEmpty();
    }

    private boolean mayBegin() {
        return toBegin > 0 && open.size() < work.open() && connecting < work.connecting();
    }

    private void topUp(long untilNanos) {
        // Bounded, since a connection may end as soon as it is begun.
        for (int i = 0; i < work.open() && isDue() && mayBegin(); i++) {
            long now = System.nanoTime();
            if (now - untilNanos >= 0) {
                return;
            }
            long begun = late ? nextDueNanos : now;
            if (work.perSecond() > 0) {
                nextDueNanos += intervalNanos();
            }
            if (!open(begun)) {
                return;
            }
        }
    }

    /** What had to wait for room began when it was due; what waited for this thread did not. */
    private boolean isDue() {
        boolean due = work.perSecond() == 0 || nextDueNanos - System.nanoTime() <= 0;
        late = due && work.perSecond() > 0 && (late || !mayBegin());
        return due;
    }

    private long intervalNanos() {
        return TimeUnit.SECONDS.toNanos(1) / work.perSecond();
    }

    /** Returns false if there is no point in trying again at once. */
    private boolean open(long begunNanos) {
        SocketChannel channel;
        try {
            channel = SocketChannel.open();
        } catch (IOException noDescriptor) {
            tally.failed++;
            return false;
        }
        Connection connection = new Connection(channel, begunNanos);
        open.add(connection);
        connecting++;
        toBegin--;
        try {
            channel.configureBlocking(false);
            sources.bind(channel, work.firstAddress() + nextSource++ % work.addresses() * work.apart());
            channel.connect(server);
            connection.begin();
            return true;
        } catch (ConnectException | BindException error) {
            tally.failed++;
            connection.end();
            return false;
        } catch (IOException reset) {
            connection.ended();
            return true;
        }
    }

    private void countUnanswered(long nowNanos) {
        if (work.perSecond() == 0) {
            return;
        }
        for (Connection connection : open) {
            unanswered(nowNanos - connection.begunNanos);
        }
        for (; nextDueNanos - nowNanos < 0; nextDueNanos += intervalNanos()) {
            unanswered(nowNanos - nextDueNanos);
        }
    }

    /** Counts as a latency, too: it would have been at least that long. */
    private void unanswered(long nanos) {
        tally.unanswered++;
        tally.latency(nanos);
    }

    private void countTrickling(long nowNanos) {
        if (work.trickleMillis() > 0) {
            open.forEach(connection -> tally.latency(nowNanos - connection.begunNanos));
        }
        trickling.clear();
    }

    private static long cpuNanos() {
        return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos();
    }

    private static void reset(SocketChannel channel) {
        try (channel) {
            // A reset leaves no TIME_WAIT behind, whose number would differ from round to round.
            channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        } catch (IOException ended) {
            // The server has done so first.
        }
    }

    /** One connection of the workload. */
    private final class Connection {

        private final SocketChannel channel;
        private SelectionKey key;
        private long begunNanos;
        private Wire wire;
        private boolean requested;
        private boolean waiting = true;
        private int requestsLeft = holding ? 1 : work.requests();
        private ByteBuffer response;
        private long nextByteNanos;

        private Connection(SocketChannel channel, long begunNanos) {
            this.channel = channel;
            this.begunNanos = begunNanos;
        }

        /** Called after connecting has begun. On loopback it is complete by then, as a rule. */
        private void begin() throws IOException {
            boolean connected = channel.finishConnect();
            key = channel.register(selector, connected ? SelectionKey.OP_READ : SelectionKey.OP_CONNECT, this);
            if (connected) {
                connected();
            }
        }

        private void ready() {
            try {
                if (wire == null) {
                    if (channel.finishConnect()) {
                        key.interestOps(SelectionKey.OP_READ);
                        connected();
                    }
                } else if (requested || handshake()) {
                    read();
                }
            } catch (ConnectException error) {
                tally.failed++;
                end();
            } catch (IOException reset) {
                ended();
            }
        }

        private void connected() throws IOException {
            if (requestsLeft > 0) {
                channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            }
            wire = work.tls() ? new TlsWire(channel, tls) : Wire.plain(channel);
            handshake();
        }

        /** Goes on with the handshake; returns whether the first request has been sent. */
        private boolean handshake() throws IOException {
            boolean complete = requestsLeft == 0 || wire.handshake();
            heard();
            if (complete) {
                request();
            }
            return complete;
        }

        private void request() throws IOException {
            requested = true;
            if (work.trickleMillis() > 0) {
                send(BEGINNING, System.nanoTime());
            } else if (requestsLeft > 0) {
                wire.write(ByteBuffer.wrap(REQUEST));
            }
        }

        private void send(byte[] bytes, long nowNanos) throws IOException {
            wire.write(ByteBuffer.wrap(bytes));
            nextByteNanos = nowNanos + TimeUnit.MILLISECONDS.toNanos(work.trickleMillis());
            trickling.add(this);
        }

        private void trickle(long nowNanos) {
            if (!open.contains(this)) {
                return;
            }
            try {
                send(BYTE, nowNanos);
            } catch (IOException reset) {
                ended();
            }
        }

        private void read() throws IOException {
            if (response == null) {
                ByteBuffer pooled = buffers.poll();
                response = pooled == null ? ByteBuffer.allocate(BUFFER_BYTES) : pooled.clear();
            }
            int count = wire.read(response);
            heard();
            if (count < 0) {
                ended();
                return;
            }
            int status = response.position() == 0 ? Response.INCOMPLETE : Response.status(response);
            if (status != Response.INCOMPLETE) {
                answered(status);
            }
        }

        /** Once the server has sent something, the connection is in its backlog no longer. */
        private void heard() {
            if (waiting && wire.heard()) {
                waiting = false;
                connecting--;
            }
        }

        private void answered(int status) throws IOException {
            if (status / 100 != 2) {
                tally.rejected++;
                countTime();
                end();
                return;
            }
            long now = System.nanoTime();
            tally.completed++;
            tally.latency(now - begunNanos);
            if (holding) {
                keep();
            } else if (--requestsLeft == 0) {
                end();
            } else {
                response.clear();
                begunNanos = now;
                request();
            }
        }

        private void keep() {
            forget();
            key.cancel();
            held.add(channel);
        }

        /** Ended by the server. */
        private void ended() {
            if (response == null || response.position() == 0) {
                tally.refused++;
                countTime();
            } else {
                tally.failed++;
            }
            end();
        }

        private void countTime() {
            if (work.trickleMillis() > 0) {
                tally.latency(System.nanoTime() - begunNanos);
            }
        }

        private void end() {
            forget();
            reset(channel);
        }

        private void forget() {
            if (open.remove(this)) {
                connecting -= waiting ? 1 : 0;
                if (response != null) {
                    buffers.add(response);
                    response = null;
                }
            }
        }
    }
}
