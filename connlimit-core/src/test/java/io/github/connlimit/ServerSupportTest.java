package io.github.connlimit;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ServerSupport.Ability;
import io.github.connlimit.ServerSupport.Feature;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.ResourceBundle;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One list of what each server can do: what the log says and what the page says are the same. */
class ServerSupportTest {

    private static final Path PAGE = Path.of("..", "docs", "settings.md");

    private static final Map<Feature, ConnectionLimits> ASKING = Map.of(
            Feature.PENDING,
            ConnectionLimits.builder().maxPendingPerClient(5).build(),
            Feature.HEADER_TIMEOUT,
            ConnectionLimits.builder().headerTimeout(Duration.ofSeconds(1)).build(),
            Feature.RESERVED_CONNECTIONS,
            ConnectionLimits.builder().reservedConnections(10).build(),
            Feature.RESPOND_IN_PLAINTEXT,
            ConnectionLimits.builder().refuse(Refusal.RESPOND).build(),
            Feature.RESPOND_ON_TLS,
            ConnectionLimits.builder().refuse(Refusal.RESPOND).build(),
            Feature.TARPIT,
            ConnectionLimits.builder().refuse(Refusal.TARPIT).build());

    private static final ConnectionGate.Channels<String> CHANNELS = new ConnectionGate.Channels<>() {

        @Override
        public boolean isOpen(String channel) {
            return true;
        }

        @Override
        public boolean closeExpired(String channel, ConnectionPhase phase) {
            return true;
        }
    };

    private static final class Log implements System.Logger {

        private final List<String> said = new ArrayList<>();

        @Override
        public String getName() {
            return "test";
        }

        @Override
        public boolean isLoggable(Level level) {
            return true;
        }

        @Override
        public void log(Level level, ResourceBundle bundle, String message, Throwable thrown) {
            said.add(message);
        }

        @Override
        public void log(Level level, ResourceBundle bundle, String format, Object... parameters) {
            said.add(format);
        }
    }

    private static List<String> said(ServerSupport server, ConnectionLimits limits, Set<Feature> notUsed) {
        Log log = new Log();
        new SupportWarnings(server, log, notUsed, Map.of()).look(limits);
        return log.said;
    }

    /** The table in the documentation is this text; copy it from the message if the list has changed. */
    @Test
    void theDocumentationHasTheList() throws Exception {
        List<String> rows = new ArrayList<>();
        rows.add(Stream.of(ServerSupport.values())
                .map(ServerSupport::title)
                .collect(Collectors.joining(" | ", "| What | ", " |")));
        rows.add("| --- |" + " --- |".repeat(ServerSupport.values().length));
        for (Feature feature : Feature.values()) {
            rows.add(Stream.of(ServerSupport.values())
                    .map(server -> server.ability(feature).text())
                    .collect(Collectors.joining(" | ", "| " + feature.row() + " | ", " |")));
        }
        assertThat(Files.readString(PAGE))
                .containsOnlyOnce("<!-- servers: begin -->\n" + String.join("\n", rows) + "\n<!-- servers: end -->");
    }

    @ParameterizedTest
    @EnumSource
    void nothingIsSaidOfTheDefaults(ServerSupport server) {
        assertThat(said(server, ConnectionLimits.defaults(), Set.of())).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void whatIsAskedForAndNotDoneIsSaidOnce(ServerSupport server) {
        ASKING.forEach((feature, limits) -> {
            Ability ability = server.ability(feature);
            boolean silent = ability == Ability.YES || ability == Ability.BY_CONFIGURATION;
            Set<Feature> others = EnumSet.complementOf(EnumSet.of(feature));
            assertThat(said(server, limits, others))
                    .as("%s in %s", feature, server)
                    .hasSize(silent ? 0 : 1)
                    .allSatisfy(message -> assertThat(message)
                            .contains(server.title())
                            .doesNotEndWith(": ")
                            .doesNotEndWith("only if "));
            assertThat(said(server, limits, EnumSet.of(feature)))
                    .as("%s in %s is not used", feature, server)
                    .hasSizeLessThanOrEqualTo(1);
        });
    }

    @Test
    void aServerSocketSaysItAtItsFirstAccept() throws Exception {
        List<String> said = new CopyOnWriteArrayList<>();
        Handler recording = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                said.add(entry.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger logger = Logger.getLogger(LimitedServerSocket.class.getName());
        logger.addHandler(recording);
        ConnectionLimits limits = ConnectionLimits.builder()
                .headerTimeout(Duration.ofSeconds(1))
                .maxPendingPerClient(5)
                .refuse(Refusal.RESPOND)
                .build();
        try (LimitedServerSocket server =
                new LimitedServerSocket(0, 5, InetAddress.getLoopbackAddress(), new ConnectionLimiter(limits))) {
            for (int i = 0; i < 2; i++) {
                try (Socket client = new Socket(server.getInetAddress(), server.getLocalPort());
                        Socket accepted = server.accept()) {
                    assertThat(accepted.getPort()).isEqualTo(client.getLocalPort());
                }
            }
        } finally {
            logger.removeHandler(recording);
        }
        assertThat(said)
                .satisfiesExactly(
                        pending -> assertThat(pending).contains("maxPendingPerClient", "expectEstablished"),
                        header -> assertThat(header).startsWith("headerTimeout has no effect"),
                        respond -> assertThat(respond).startsWith("refuse=respond has no effect"));
    }

    private static SupportWarnings warnings(Log log, Map<Feature, String> lacking) {
        return new SupportWarnings(ServerSupport.JETTY, log, Set.of(), lacking);
    }

    @Test
    void whatTheServerLacksIsSaidIfItIsAskedFor() {
        Log log = new Log();
        SupportWarnings warnings =
                warnings(log, Map.of(Feature.TARPIT, "no acceptors", Feature.FORWARDED_HEADERS, "no handler"));
        warnings.look(ConnectionLimits.defaults());
        assertThat(log.said).containsExactly("no handler");
        warnings.look(ASKING.get(Feature.TARPIT));
        warnings.look(ConnectionLimits.defaults());
        warnings.look(ASKING.get(Feature.TARPIT));
        assertThat(log.said).containsExactly("no handler", "no acceptors");
    }

    /** Whoever sets it while the server runs would else believe that it is in force. */
    @Test
    void whatIsSetWhileTheServerRunsIsSaidByTheNextSweep() {
        Log log = new Log();
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults());
        ConnectionGate<String> gate = new ConnectionGate<>(limiter);
        gate.warn(ServerSupport.NETTY, log, Set.of(), Map.of());
        gate.sweep(CHANNELS);
        assertThat(log.said).isEmpty();
        limiter.reconfigure(ASKING.get(Feature.HEADER_TIMEOUT));
        gate.sweep(CHANNELS);
        gate.sweep(CHANNELS);
        assertThat(log.said).singleElement().asString().startsWith("headerTimeout has no effect in Netty");
    }

    @Test
    void aLoggerThatThrowsIsAnErrorAndNoMore() {
        ConnectionLimiter limiter = new ConnectionLimiter(ASKING.get(Feature.HEADER_TIMEOUT));
        ConnectionGate<String> gate = new ConnectionGate<>(limiter);
        gate.warn(ServerSupport.NETTY, null, Set.of(), Map.of());
        assertThat(limiter.snapshot(0).errors()).isEqualTo(1);
    }

    @Test
    void saysWhatToDo() {
        assertThat(said(
                        ServerSupport.NETTY,
                        ConnectionLimits.builder()
                                .headerTimeout(Duration.ofSeconds(1))
                                .reservedConnections(10)
                                .build(),
                        Set.of()))
                .containsExactly(
                        "headerTimeout has no effect in Netty: where a header ends is up to the server's own handlers",
                        "reservedConnections has an effect in Netty only if the application calls"
                                + " ConnectionPermit.tryBeginStream() for each long-lived connection");
    }
}
