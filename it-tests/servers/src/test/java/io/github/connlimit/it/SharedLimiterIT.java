package io.github.connlimit.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import java.io.IOException;
import java.net.InetAddress;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** One limiter counts over all servers that share it. */
@Tag("jetty")
@Tag("tomcat")
class SharedLimiterIT {

    private static final String ALICE = "127.0.0.2";
    private static final String BOB = "127.0.0.3";

    private final RecordedEvents events = new RecordedEvents();
    private final ConnectionLimiter limiter = new ConnectionLimiter(TestBed.limits(8), events);
    private final List<TestServer> servers = new ArrayList<>();
    private final List<TestConnection> connections = new ArrayList<>();

    @BeforeEach
    void startServers() throws Exception {
        ServerSetup setup = new ServerSetup(limiter, new Application(), Transport.PLAIN);
        servers.add(new JettyServer(setup));
        servers.add(TomcatServer.nio(setup));
        servers.add(TomcatServer.nio2(setup));
        servers.add(new SocketServer(setup));
        for (TestServer server : servers) {
            server.start();
        }
    }

    @AfterEach
    void endAtZero() throws Exception {
        for (TestConnection connection : connections) {
            connection.close();
        }
        awaitOpen(ALICE, 0);
        awaitOpen(BOB, 0);
        for (TestServer server : servers) {
            server.stop();
        }
        TestBed.awaitNothingLeft(limiter);
        assertThat(events.closedByClient()).isEqualTo(events.admittedByClient());
    }

    @Test
    void limitIsThatOfAllServersTogether() throws Exception {
        for (int i = 0; i < 2; i++) {
            for (TestServer server : servers) {
                assertThat(connect(ALICE, server)).isTrue();
            }
        }
        awaitOpen(ALICE, 8);
        for (TestServer server : servers) {
            assertThat(connect(ALICE, server)).isFalse();
            assertThat(connect(BOB, server)).isTrue();
        }
        assertThat(events.refused()).isEqualTo(servers.size());
    }

    @Test
    void slotFreedAtOneServerIsUsableAtTheOthers() throws Exception {
        for (TestServer server : servers) {
            assertThat(connect(ALICE, server)).isTrue();
            assertThat(connect(ALICE, server)).isTrue();
        }
        for (int i = 0; i < servers.size(); i++) {
            // The oldest is one at server i / 2.
            connections.remove(0).close();
            awaitOpen(ALICE, 7);
            assertThat(connect(ALICE, servers.get(servers.size() - 1 - i))).isTrue();
            assertThat(connect(ALICE, servers.get(i))).isFalse();
        }
    }

    @Test
    void oneStopGivesBackWhatThatServerHas() throws Exception {
        for (TestServer server : servers) {
            assertThat(connect(ALICE, server)).isTrue();
            assertThat(connect(ALICE, server)).isTrue();
        }
        int open = 8;
        for (TestServer server : servers) {
            server.stop();
            open -= 2;
            awaitOpen(ALICE, open);
        }
    }

    /** Connects and sends a request; tells whether it was answered. */
    private boolean connect(String from, TestServer server) throws IOException {
        TestConnection connection = new TestConnection(from, TestBed.SERVER, server.port());
        try {
            assertThat(connection.get("/").status()).isEqualTo(200);
            connections.add(connection);
            return true;
        } catch (SocketTimeoutException patienceLost) {
            throw patienceLost;
        } catch (IOException refused) {
            connection.close();
            return false;
        }
    }

    private void awaitOpen(String client, int count) {
        TestBed.awaitUntil(
                "connections of " + client,
                () -> assertThat(limiter.openConnections(InetAddress.getByName(client)))
                        .isEqualTo(count));
    }
}
