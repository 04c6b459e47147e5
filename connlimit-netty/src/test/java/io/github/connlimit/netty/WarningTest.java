package io.github.connlimit.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionPhase;
import io.github.connlimit.Refusal;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is configured, and cannot be done, is said at the start of a server. */
class WarningTest extends ServerTest {

    private final Logger logger = Logger.getLogger(ConnectionLimitHandler.class.getName());
    private final List<String> said = new CopyOnWriteArrayList<>();
    private final Handler recording = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            if (entry.getLevel().intValue() >= Level.INFO.intValue()) {
                said.add(entry.getMessage());
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    @BeforeEach
    void record() {
        logger.addHandler(recording);
    }

    @AfterEach
    void forget() {
        logger.removeHandler(recording);
    }

    @Test
    void headerTimeoutHasNoEffect() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().headerTimeout(Duration.ofSeconds(10)).build());
        start(channel -> {});
        assertThat(said).hasSize(1);
        assertThat(said.get(0)).contains("headerTimeout");
    }

    @Test
    void whatIsSetLaterIsSaidThen() throws Exception {
        start(channel -> {});
        assertThat(said).isEmpty();
        limiter.reconfigure(limits ->
                limits.toBuilder().headerTimeout(Duration.ofSeconds(10)).build());
        awaitUntil(
                "a warning",
                () -> assertThat(said).singleElement().asString().contains("headerTimeout has no effect in Netty"));
    }

    @Test
    void reservedConnectionsNeedTheApplication() throws Exception {
        limiter.reconfigure(limits ->
                limits.toBuilder().maxPerClient(30).reservedConnections(10).build());
        start(channel -> {});
        assertThat(said).hasSize(1);
        assertThat(said.get(0)).contains("reservedConnections", "tryBeginStream");
    }

    @Test
    void respondHasNoEffectBeforeTls() throws Exception {
        limiter.reconfigure(limits -> limits.toBuilder().refuse(Refusal.RESPOND).build());
        start(new ConnectionLimitHandler(limiter, ConnectionPhase.FIRST_BYTE), channel -> {});
        assertThat(said).isEmpty();
        start(new ConnectionLimitHandler(limiter, ConnectionPhase.HANDSHAKE), channel -> {});
        assertThat(said).hasSize(1);
        assertThat(said.get(0)).contains("refuse=respond");
    }
}
