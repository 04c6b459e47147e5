package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What JDK Flight Recorder gets to know, in real recordings. */
class FlightRecorderTest {

    private static final InetAddress PEER = ip("192.0.2.1");

    private final AtomicLong now = new AtomicLong();
    private final ConnectionLimiter limiter =
            new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(1).build(), now::get, new RecordingLogger());
    private final ConnectionGate<String> gate = new ConnectionGate<>(limiter);

    private final ConnectionGate.Channels<String> channels = new ConnectionGate.Channels<>() {
        @Override
        public boolean isOpen(String channel) {
            return true;
        }

        @Override
        public boolean closeExpired(String channel, ConnectionPhase phase) {
            gate.release(channel);
            return true;
        }
    };

    @TempDir
    private Path directory;

    @AfterEach
    void nothingStays() {
        gate.releaseAll();
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
    }

    private List<RecordedEvent> record(Runnable actions) throws IOException {
        // Before and after: a recording that begins finds classes that are loaded already.
        gate.admit("before", PEER);
        gate.admit("refused before", PEER);
        gate.release("before");
        Path file = directory.resolve("test.jfr");
        try (Recording recording = new Recording()) {
            recording.start();
            gate.sweep(channels);
            actions.run();
            recording.stop();
            recording.dump(file);
        }
        gate.admit("after", PEER);
        gate.admit("refused after", PEER);
        gate.release("after");
        String limiterName = Integer.toHexString(System.identityHashCode(limiter));
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().startsWith("io.github.connlimit.")
                        && event.getString("limiter").equals(limiterName))
                .toList();
    }

    private static List<RecordedEvent> of(List<RecordedEvent> events, String type) {
        return events.stream()
                .filter(event -> event.getEventType().getName().equals("io.github.connlimit." + type))
                .toList();
    }

    @Test
    void aRefusal() throws Exception {
        List<RecordedEvent> events = record(() -> {
            gate.admit("a", PEER);
            gate.admit("b", PEER);
        });
        assertThat(of(events, "Refusal")).singleElement().satisfies(event -> {
            assertThat(event.getEventType().getCategoryNames()).containsExactly("connlimit");
            assertThat(event.getStackTrace()).isNull();
            assertThat(event.getString("client")).isEqualTo("192.0.2.1/32");
            assertThat(event.getString("reason")).isEqualTo("CONNECTIONS");
            assertThat(event.getInt("openConnections")).isEqualTo(1);
            assertThat(event.getInt("limit")).isEqualTo(1);
            assertThat(event.getBoolean("dryRun")).isFalse();
            assertThat(event.getLong("omitted")).isZero();
        });
    }

    @Test
    void aTimeOut() throws Exception {
        List<RecordedEvent> events = record(() -> {
            gate.admit("a", PEER, ConnectionPhase.HANDSHAKE);
            now.addAndGet(TimeUnit.SECONDS.toNanos(6));
            gate.sweep(channels);
        });
        assertThat(of(events, "TimeOut")).singleElement().satisfies(event -> {
            assertThat(event.getString("client")).isEqualTo("192.0.2.1/32");
            assertThat(event.getString("phase")).isEqualTo("HANDSHAKE");
            assertThat(event.getBoolean("dryRun")).isFalse();
        });
    }

    @Test
    void theFiguresEveryTenSeconds() throws Exception {
        List<RecordedEvent> events = record(() -> {
            gate.admit("a", PEER);
            gate.admit("b", PEER);
            gate.sweep(channels);
            now.addAndGet(FlightRecorderEvents.FIGURES_NANOS - 1);
            gate.sweep(channels);
            now.addAndGet(1);
            gate.sweep(channels);
            gate.sweep(channels);
        });
        List<RecordedEvent> figures = of(events, "Figures");
        assertThat(figures).hasSize(2);
        assertThat(figures.get(0).getLong("openConnections")).isZero();
        assertThat(figures.get(1)).satisfies(event -> {
            assertThat(event.getLong("openConnections")).isEqualTo(1);
            assertThat(event.getLong("clients")).isEqualTo(1);
            assertThat(event.getInt("largestClient")).isEqualTo(1);
            assertThat(event.getInt("maxPerClient")).isEqualTo(1);
            assertThat(event.getLong("admitted")).isEqualTo(2);
            assertThat(event.getLong("refused")).isEqualTo(2);
            assertThat(event.getLong("timedOut")).isZero();
            assertThat(event.getLong("errors")).isZero();
            assertThat(event.getLong("forgotten")).isZero();
        });
    }

    @Test
    void aFloodIsThrottledAndTheNextEventTellsHowManyAreMissing() throws Exception {
        List<RecordedEvent> events = record(() -> {
            gate.admit("a", PEER);
            for (int i = 0; i < 10_000; i++) {
                gate.admit("b", PEER);
            }
            now.addAndGet(Duration.ofSeconds(1).toNanos());
            gate.admit("b", PEER);
        });
        List<RecordedEvent> refusals = of(events, "Refusal");
        assertThat(refusals).hasSize(FlightRecorderEvents.MOST_PER_SECOND + 1);
        assertThat(refusals.stream()
                        .mapToLong(event -> event.getLong("omitted"))
                        .sum())
                .isEqualTo(10_000 - FlightRecorderEvents.MOST_PER_SECOND);
    }

    /** It may be the only one there is, and nobody else would look whether somebody records. */
    @Test
    void aPlainServerSocketRecordsItsFiguresToo() throws Exception {
        Path file = directory.resolve("plain.jfr");
        try (LimitedServerSocket server = new LimitedServerSocket(0, 50, InetAddress.getLoopbackAddress(), limiter);
                Socket client = new Socket(InetAddress.getLoopbackAddress(), server.getLocalPort());
                Socket accepted = server.accept();
                Recording recording = new Recording()) {
            assertThat(client.isConnected()).isTrue();
            assertThat(accepted.isConnected()).isTrue();
            recording.start();
            await().atMost(20, TimeUnit.SECONDS).untilAsserted(() -> {
                now.addAndGet(FlightRecorderEvents.FIGURES_NANOS);
                recording.dump(file);
                assertThat(of(RecordingFile.readAllEvents(file), "Figures"))
                        .anySatisfy(event -> assertThat(event.getString("limiter"))
                                .isEqualTo(Integer.toHexString(System.identityHashCode(limiter))));
            });
        }
    }

    /** A limiter neither starts Flight Recorder nor loads what belongs to it. */
    @Test
    void startsNothing() throws Exception {
        Process process = new ProcessBuilder(List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xlog:class+load",
                        "-cp",
                        System.getProperty("java.class.path"),
                        JavaBaseOnlyTest.Main.class.getName()))
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).isZero();
        assertThat(output).contains("admitted 1, refused 1").doesNotContain("jdk.jfr.internal.JVM ");
    }

    @Test
    void theThrottleCountsSecondsFromAnyTime() {
        for (long start : new long[] {0, -5, Long.MAX_VALUE - 5, Long.MIN_VALUE}) {
            FlightRecorderEvents.Throttle throttle = new FlightRecorderEvents.Throttle(start);
            for (int i = 0; i < FlightRecorderEvents.MOST_PER_SECOND; i++) {
                assertThat(throttle.take(start)).isZero();
            }
            assertThat(throttle.take(start)).isEqualTo(-1);
            assertThat(throttle.take(start + TimeUnit.SECONDS.toNanos(1) - 1)).isEqualTo(-1);
            assertThat(throttle.take(start + TimeUnit.SECONDS.toNanos(1))).isEqualTo(2);
            assertThat(throttle.take(start + TimeUnit.SECONDS.toNanos(1))).isZero();
        }
        assertThatCode(() -> Recorder.NONE.figures(0)).doesNotThrowAnyException();
    }
}
