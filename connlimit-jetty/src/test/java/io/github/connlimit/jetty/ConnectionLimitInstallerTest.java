package io.github.connlimit.jetty;

import static io.github.connlimit.jetty.Client.GREEDY;
import static io.github.connlimit.jetty.Client.MODEST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ErrorPolicy;
import io.github.connlimit.Refusal;
import java.lang.management.ManagementFactory;
import java.util.List;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConnectionLimitInstallerTest {

    private final Server server = TestServer.newServer();
    private final ConnectionLimiter limiter = TestServer.limiter(1);

    @AfterEach
    void stop() throws Exception {
        server.stop();
        assertThat(limiter.snapshot().openConnections()).isZero();
        assertThat(limiter.snapshot().clients()).isZero();
    }

    private ServerConnector connector() {
        return new ServerConnector(server, 1, 1);
    }

    private void assertLimited(ServerConnector... connectors) throws Exception {
        for (ServerConnector connector : connectors) {
            try (Client admitted = Client.connect(GREEDY, connector.getLocalPort())) {
                await().atMost(TestServer.DEADLINE)
                        .until(() -> limiter.snapshot().openConnections() == 1);
                for (ServerConnector any : connectors) {
                    try (Client refused = Client.connect(GREEDY, any.getLocalPort())) {
                        assertThat(refused.ending()).isEqualTo("reset");
                    }
                }
                assertThat(admitted.get("/")).startsWith("HTTP/1.1 404 ");
            }
            await().atMost(TestServer.DEADLINE).until(() -> limiter.snapshot().openConnections() == 0);
        }
    }

    @Test
    void limitsAllConnectorsWhateverTheOrder() throws Exception {
        ServerConnector before = connector();
        ServerConnector after = connector();
        server.addConnector(before);
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.addConnector(after);
        server.start();
        assertLimited(before, after);
    }

    @Test
    void limitsConnectorsAddedByAnotherBeanDuringStart() throws Exception {
        ServerConnector late = connector();
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.addBean(new org.eclipse.jetty.util.component.AbstractLifeCycle() {
            @Override
            protected void doStart() {
                server.addConnector(late);
            }
        });
        server.start();
        assertLimited(late);
    }

    @Test
    void limitsConnectorsAddedToTheRunningServer() throws Exception {
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.start();
        ServerConnector late = connector();
        server.addConnector(late);
        late.start();
        assertLimited(late);
    }

    /** As Spring Boot does it. */
    @Test
    void limitsConnectorsTakenAwayDuringStart() throws Exception {
        ServerConnector connector = connector();
        server.addConnector(connector);
        server.addBean(new ConnectionLimitInstaller(limiter));
        Connector[] connectors = server.getConnectors();
        server.setConnectors(null);
        server.start();
        server.setConnectors(connectors);
        connector.start();
        assertLimited(connector);
    }

    @Test
    void limitsAgainAfterARestart() throws Exception {
        ServerConnector connector = connector();
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.addConnector(connector);
        for (int i = 0; i < 3; i++) {
            server.start();
            assertThat(connector.getBeans(ConnectionLimitListener.class)).hasSize(1);
            assertLimited(connector);
            server.stop();
        }
    }

    @Test
    void coversTls() throws Exception {
        ServerConnector http = connector();
        ServerConnector https = new ServerConnector(
                server,
                1,
                1,
                new SslConnectionFactory(TestTls.serverContext(), "http/1.1"),
                new HttpConnectionFactory());
        server.addConnector(http);
        server.addConnector(https);
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.start();
        try (Client admitted = Client.connect(GREEDY, https.getLocalPort())) {
            admitted.tls();
            try (Client plain = Client.connect(GREEDY, http.getLocalPort());
                    Client tls = Client.connect(GREEDY, https.getLocalPort())) {
                assertThat(plain.ending()).isEqualTo("reset");
                assertThat(tls.ending()).isEqualTo("reset");
            }
        }
    }

    @Test
    void leavesAListenerThatIsThere() throws Exception {
        ServerConnector connector = connector();
        ConnectionLimitListener own = new ConnectionLimitListener(TestServer.limiter(2));
        connector.addBean(own);
        server.addConnector(connector);
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.start();
        assertThat(connector.getBeans(ConnectionLimitListener.class)).containsExactly(own);
    }

    @Test
    void saysSoIfItIsTooLate() throws Exception {
        ServerConnector connector = connector();
        server.addConnector(connector);
        server.start();
        ConnectionLimitInstaller late = new ConnectionLimitInstaller(limiter);
        assertThatThrownBy(() -> server.addBean(late))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("after its start");
        assertThat(server.getBeans()).doesNotContain(late);
    }

    @Test
    void saysSoIfAConnectorIsRunningAlready() throws Exception {
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.start();
        ServerConnector running = connector();
        running.start();
        try {
            assertThatThrownBy(() -> server.addConnector(running))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("after its start");
        } finally {
            running.stop();
        }
    }

    @Test
    void belongsOnOneServer() throws Exception {
        ConnectionLimitInstaller installer = new ConnectionLimitInstaller(limiter);
        ServerConnector connector = connector();
        assertThatThrownBy(() -> connector.addBean(installer))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("is not a Server");
        assertThat(connector.getBeans()).doesNotContain(installer);
        assertThatThrownBy(installer::start)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("without being a bean of a Server");
        server.addBean(installer);
        Server other = new Server();
        assertThatThrownBy(() -> other.addBean(installer))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("each server needs one of its own");
        assertThat(other.getBeans()).doesNotContain(installer);
    }

    @Test
    void putsItsHandlerInFrontOnce() throws Exception {
        server.addBean(new ConnectionLimitInstaller(limiter));
        Handler application = new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                return false;
            }
        };
        server.setHandler(application);
        for (int i = 0; i < 2; i++) {
            server.start();
            assertThat(server.getHandler()).isInstanceOf(ConnectionLimitHandler.class);
            assertThat(((ConnectionLimitHandler) server.getHandler()).getHandler())
                    .isSameAs(application);
            assertThat(application.isStarted()).isTrue();
            server.stop();
        }
    }

    // Settings

    @Test
    void makesItsLimiterByItsSettings() {
        ConnectionLimitInstaller installer = new ConnectionLimitInstaller();
        installer.set("maxPerClient", "7");
        installer.set("rules", "10.0.0.0/8=500, 127.0.0.0/8=unlimited");
        installer.set("ipv4Prefix", "24");
        installer.set("ipv6Prefix", "56");
        installer.set("refuse", "respond");
        installer.set("onError", "admit");
        assertThat(installer.getLimiter().limits())
                .isEqualTo(ConnectionLimits.builder()
                        .maxPerClient(7)
                        .limit("10.0.0.0/8", 500)
                        .exempt("127.0.0.0/8")
                        .ipv4Prefix(24)
                        .ipv6Prefix(56)
                        .refuse(Refusal.RESPOND)
                        .onError(ErrorPolicy.ADMIT)
                        .build());
        assertThat(installer.getLimiter()).isSameAs(installer.getLimiter());
    }

    @Test
    void hasTheDefaultsOfTheCore() {
        assertThat(new ConnectionLimitInstaller().getLimiter().limits()).isEqualTo(ConnectionLimits.defaults());
    }

    @Test
    void badSettingIsRefusedWithItsName() {
        ConnectionLimitInstaller installer = new ConnectionLimitInstaller();
        for (String name : ConnectionLimits.defaults().toSettings().keySet()) {
            assertThatThrownBy(() -> installer.set(name, "-1/"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith(name + ": ")
                    .hasMessageContaining("-1/");
        }
        assertThatThrownBy(() -> installer.set("maxPerCleint", "1"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("maxPerCleint");
        assertThatThrownBy(() -> installer.setJmx("many"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("jmx: ")
                .hasMessageContaining("many");
    }

    @Test
    void propertyThatIsNotThereLeavesTheDefault() {
        ConnectionLimitInstaller installer = new ConnectionLimitInstaller();
        for (String name : ConnectionLimits.defaults().toSettings().keySet()) {
            installer.set(name, null);
        }
        assertThat(installer.getLimiter().limits()).isEqualTo(ConnectionLimits.defaults());
    }

    @Test
    void settingsAreForALimiterOfItsOwn() {
        ConnectionLimitInstaller given = new ConnectionLimitInstaller(limiter);
        assertThatThrownBy(() -> given.set("maxPerClient", "2"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("maxPerClient");
        assertThat(limiter.limits().maxPerClient()).isEqualTo(1);
        ConnectionLimitInstaller made = new ConnectionLimitInstaller();
        made.getLimiter();
        assertThatThrownBy(() -> made.set("refuse", "close"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("refuse");
    }

    // JMX

    @Test
    void isSeenByJmxWhileTheServerRuns() throws Exception {
        MBeanServer mBeans = ManagementFactory.getPlatformMBeanServer();
        ObjectName name = new ObjectName("io.github.connlimit:type=ConnectionLimiter,name=jetty");
        ObjectName secondName = new ObjectName("io.github.connlimit:type=ConnectionLimiter,name=jetty-2");
        ConnectionLimitInstaller installer = new ConnectionLimitInstaller(limiter);
        installer.setJmx("true");
        server.addBean(installer);
        ServerConnector connector = connector();
        server.addConnector(connector);
        Server second = TestServer.newServer();
        ConnectionLimitInstaller secondInstaller = new ConnectionLimitInstaller(TestServer.limiter(5));
        secondInstaller.setJmx("true");
        second.addBean(secondInstaller);
        assertThat(mBeans.isRegistered(name)).isFalse();
        server.start();
        second.start();
        assertThat(mBeans.getAttribute(name, "MaxPerClient")).isEqualTo(1);
        assertThat(mBeans.getAttribute(secondName, "MaxPerClient")).isEqualTo(5);
        try (Client admitted = Client.connect(MODEST, connector.getLocalPort())) {
            assertThat(admitted.get("/")).startsWith("HTTP/1.1 404 ");
            assertThat(mBeans.getAttribute(name, "OpenConnections")).isEqualTo(1L);
            mBeans.setAttribute(name, new javax.management.Attribute("MaxPerClient", 2));
            try (Client another = Client.connect(MODEST, connector.getLocalPort())) {
                assertThat(another.get("/")).startsWith("HTTP/1.1 404 ");
            }
        }
        second.stop();
        server.stop();
        assertThat(List.of(mBeans.isRegistered(name), mBeans.isRegistered(secondName)))
                .containsOnly(false);
        server.start();
        assertThat(mBeans.isRegistered(name)).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"false", "FALSE", "' false '"})
    void isNotSeenByJmxUnlessAskedFor(String jmx) throws Exception {
        ConnectionLimitInstaller installer = new ConnectionLimitInstaller(limiter);
        installer.setJmx(jmx);
        server.addBean(installer);
        server.start();
        assertThat(ManagementFactory.getPlatformMBeanServer().queryNames(new ObjectName("io.github.connlimit:*"), null))
                .isEmpty();
    }
}
