package io.github.connlimit.tomcat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.ConnectException;
import java.net.ServerSocket;
import java.util.logging.Level;
import javax.management.Attribute;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.LifecycleState;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardContext;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.ProtocolHandler;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.apache.tomcat.util.IntrospectionUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class ConfigurationTest {

    private final TestServer server = new TestServer();
    private final ConnectionLimitValve valve = new ConnectionLimitValve();
    private final MBeanServer beans = ManagementFactory.getPlatformMBeanServer();

    @BeforeEach
    void quiet() {
        Logs.quiet();
    }

    @AfterEach
    void close() throws Exception {
        server.close();
    }

    @ParameterizedTest
    @CsvSource({
        "maxPerClient, -1, 'maxPerClient: \"-1\" is not allowed; a whole number from 0 to 2147483647 (0 = unlimited)'",
        "maxPerClient, abc, 'maxPerClient: \"abc\" is not allowed; a whole number from 0 to 2147483647 (0 = unlimited)'",
        "rules, localhost=5, 'rules: CIDR: \"localhost\" is not allowed; '",
        "ipv4Prefix, 33, 'ipv4Prefix: \"33\" is not allowed; a whole number from 0 to 32'",
        "ipv6Prefix, 129, 'ipv6Prefix: \"129\" is not allowed; a whole number from 0 to 128'",
        "refuse, politely, 'refuse: \"politely\" is not allowed; reset, close, respond, tarpit'",
        "onError, ignore, 'onError: \"ignore\" is not allowed; refuse, admit'",
        "maxPendingPerClient, few, 'maxPendingPerClient: \"few\" is not allowed; a whole number from 0 to 2147483647'",
        "reservedConnections, 95, 'reservedConnections: \"95\" is not allowed; every limit has to be greater'",
        "handshakeTimeout, 5, 'handshakeTimeout: \"5\" is not allowed; a whole number with its unit'",
        "dryRun, yes, 'dryRun: \"yes\" is not allowed; true, false'",
        "respondRate, 1001, 'respondRate: \"1001\" is not allowed; a whole number from 0 to 1000'",
        "respondBurst, -1, 'respondBurst: \"-1\" is not allowed; a whole number from 0 to 1000'",
        "respondMaxOpen, all, 'respondMaxOpen: \"all\" is not allowed; a whole number from 0 to 1000'",
    })
    void aValueThatIsNotAllowedKeepsItFromStarting(String name, String value, String message) throws Exception {
        for (Kind kind : Kind.values()) {
            AbstractHttp11Protocol<?> protocol = kind.protocol();
            assertThat(protocol.setProperty(name, value)).isTrue();
            assertThat(protocol.getProperty(name)).isEqualTo(value);
            assertThatThrownBy(protocol::init).hasMessageContaining(message);

            // As the digester does it for server.xml.
            Connector connector = server.add(kind.protocol());
            assertThat(connector.setProperty(name, value)).isTrue();
        }
        try (Logs logs = Logs.listen()) {
            server.start();
            assertThat(logs.messages(Level.SEVERE, message)).hasSizeGreaterThanOrEqualTo(2);
        }
        assertThat(server.tomcat.getService().findConnectors()).hasSize(2).allSatisfy(connector -> {
            assertThat(connector.getState()).isEqualTo(LifecycleState.FAILED);
            assertThat(connector.getLocalPort()).isNegative();
        });
    }

    @ParameterizedTest
    @CsvSource({"maxPerClient, abc", "rules, 10.0.0.0/8=", "refuse, ''"})
    void aValveWithAValueThatIsNotAllowedKeepsTheServerFromStarting(String name, String value) {
        assertThat(IntrospectionUtils.setProperty(valve, name, value)).isTrue();
        server.tomcat.getEngine().getPipeline().addValve(valve);
        Connector connector = server.add(Kind.NIO.protocol());
        assertThatThrownBy(server::start)
                .isInstanceOf(LifecycleException.class)
                .hasStackTraceContaining("is not allowed");
        assertThat(connector.getState()).isNotEqualTo(LifecycleState.STARTED);
    }

    @Test
    void allValuesThatAreNotAllowedAreNamed() {
        AbstractHttp11Protocol<?> protocol = Kind.NIO.protocol();
        protocol.setProperty("maxPerClient", "many");
        protocol.setProperty("refuse", "never");
        assertThatThrownBy(protocol::init).hasMessageContainingAll("maxPerClient: \"many\"", "refuse: \"never\"");
    }

    /** It is by the Valve that long-lived connections are seen. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void reservedConnectionsNeedAValve(boolean withValve) throws Exception {
        AbstractHttp11Protocol<?> protocol = Kind.NIO.protocol();
        if (withValve) {
            assertThat(IntrospectionUtils.setProperty(valve, "reservedConnections", "10"))
                    .isTrue();
            server.tomcat.getEngine().getPipeline().addValve(valve);
        } else {
            protocol.setProperty("reservedConnections", "10");
        }
        server.add(protocol);
        try (Logs logs = Logs.listen()) {
            server.start();
            assertThat(logs.messages(Level.WARNING, "reservedConnections has no effect"))
                    .hasSize(withValve ? 0 : 1);
        }
    }

    @Test
    void oneBadConnectorDoesNotKeepTheOthersFromStarting() throws Exception {
        AbstractHttp11Protocol<?> protocol = Kind.NIO.protocol();
        protocol.setProperty("rules", "10.0.0.0/8");
        Connector bad = server.add(protocol);
        Connector good = server.add(Kind.NIO.protocol());
        try (Logs logs = Logs.listen()) {
            server.start();
            assertThat(logs.messages(Level.SEVERE, "rules: \"10.0.0.0/8\" is not allowed"))
                    .isNotEmpty();
        }
        assertThat(bad.getLocalPort()).isNegative();
        assertThat(server.connect(2, good).isServed()).isTrue();
    }

    /** Adds a connector to the running server and looks at its failing. */
    private void assertFails(ProtocolHandler protocol, String message) throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Connector connector = new Connector(protocol);
        connector.setPort(port);
        // NIO2 that has not been started waits in vain for the end of that, 5 s by default.
        connector.setProperty("executorTerminationTimeoutMillis", "100");
        try (Logs logs = Logs.listen()) {
            server.tomcat.getService().addConnector(connector);
            assertThat(logs.messages(Level.SEVERE, message)).isNotEmpty();
        }
        assertThat(connector.getState()).isEqualTo(LifecycleState.FAILED);
        assertThatThrownBy(() -> server.connect(2, port)).isInstanceOf(ConnectException.class);
    }

    @ParameterizedTest
    @EnumSource
    void aConnectorDoesNotStartWhereTheValveCouldNot(Kind kind) throws Exception {
        Connector running = server.add(kind.protocol());
        server.start();
        StandardContext bad = new StandardContext();
        bad.setPath("/bad");
        bad.addLifecycleListener(new Tomcat.FixContextListener());
        valve.setMaxPerClient("x");
        bad.getPipeline().addValve(valve);
        assertThatThrownBy(() -> server.tomcat.getHost().addChild(bad))
                .hasStackTraceContaining("maxPerClient: \"x\" is not allowed");
        assertThat(bad.getState()).isEqualTo(LifecycleState.FAILED);
        assertFails(kind.protocol(), "the ConnectionLimitValve of the Service could not be started");
        assertThat(server.connect(2, running).isServed()).isTrue();
    }

    @Test
    void aRunningServerGoesOnWithAValveThatCouldNotBeStarted() throws Exception {
        Connector connector = server.add(Kind.NIO.protocol());
        server.start();
        valve.setMaxPerClient("x");
        server.tomcat.getEngine().getPipeline().addValve(valve);
        assertThat(server.connect(2, connector).isServed()).isTrue();
    }

    @ParameterizedTest
    @EnumSource
    void settingsOfAProtocolBesidesAValveAreRefused(Kind kind) throws Exception {
        AbstractHttp11Protocol<?> protocol = kind.protocol();
        protocol.setProperty("maxPerClient", "5");
        server.tomcat.getEngine().getPipeline().addValve(valve);
        server.start();
        assertFails(
                protocol,
                "the limits come from two places: this protocol has its own (maxPerClient), and"
                        + " there is the ConnectionLimitValve of its Service; leave out one of them");
    }

    @Test
    void settingsOfARunningProtocolKeepAValveFromStarting() throws Exception {
        AbstractHttp11Protocol<?> protocol = Kind.NIO.protocol();
        protocol.setProperty("maxPerClient", "1");
        Connector connector = server.add(protocol);
        server.start();
        try (Logs logs = Logs.listen()) {
            server.tomcat.getEngine().getPipeline().addValve(valve);
            assertThat(logs.messages(Level.SEVERE, "the limits come from two places"))
                    .isNotEmpty();
        }
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(server.connect(2, connector).isServed()).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void settingsBesidesALimiterAreRefused(Kind kind) throws Exception {
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults());
        AbstractHttp11Protocol<?> protocol = kind.protocol(limiter);
        protocol.setProperty("refuse", "close");
        server.start();
        assertFails(protocol, "has its own (refuse), and there is setLimiter");
    }

    @Test
    void settingsOfAValveBesidesALimiterAreRefused() {
        valve.setLimiter(new ConnectionLimiter(ConnectionLimits.defaults()));
        valve.setIpv4Prefix("24");
        server.tomcat.getEngine().getPipeline().addValve(valve);
        assertThatThrownBy(server::start).hasStackTraceContaining("has its own (ipv4Prefix), and there is setLimiter");
    }

    @Test
    void aLimiterSetByCodeComesBeforeThatOfTheValve() throws Exception {
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(1).build());
        server.tomcat.getEngine().getPipeline().addValve(valve);
        Connector connector = server.add(Kind.NIO.protocol(limiter));
        server.start();
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(server.connect(2, connector).isServed()).isFalse();
        assertThat(limiter.snapshot().openConnections()).isOne();
        assertThat(valve.getOpenConnections()).isZero();
    }

    @Test
    void theValveTakesALimiter() throws Exception {
        ConnectionLimiter limiter =
                new ConnectionLimiter(ConnectionLimits.builder().maxPerClient(1).build());
        valve.setLimiter(limiter);
        assertThat(valve.getLimiter()).isSameAs(limiter);
        server.tomcat.getEngine().getPipeline().addValve(valve);
        Connector connector = server.add(Kind.NIO2.protocol());
        server.start();
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(server.connect(2, connector).isServed()).isFalse();
        assertThat(limiter.snapshot().refused()).isOne();
        assertThatThrownBy(() -> valve.setLimiter(limiter))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("before the Valve is started");
    }

    @ParameterizedTest
    @EnumSource
    void aProtocolIsReadAndWrittenByJmx(Kind kind) throws Exception {
        AbstractHttp11Protocol<?> protocol = kind.protocol();
        protocol.setProperty("maxPerClient", "3");
        Connector connector = server.add(protocol);
        server.start();
        ObjectName name = protocol.getObjectName();
        assertThat(server.connect(2, connector).isServed()).isTrue();

        assertReadAndWritten(name, connector);
    }

    @Test
    void theValveIsReadAndWrittenByJmx() throws Exception {
        valve.setMaxPerClient("3");
        server.tomcat.getEngine().getPipeline().addValve(valve);
        Connector connector = server.add(Kind.NIO.protocol());
        server.start();
        assertThat(server.connect(2, connector).isServed()).isTrue();

        assertReadAndWritten(new ObjectName("Tomcat:type=Valve,name=ConnectionLimitValve"), connector);
    }

    private void assertReadAndWritten(ObjectName name, Connector connector) throws Exception {
        assertThat(beans.getAttribute(name, "maxPerClient")).isEqualTo("3");
        assertThat(beans.getAttribute(name, "rules")).isEqualTo("");
        assertThat(beans.getAttribute(name, "ipv4Prefix")).isEqualTo("32");
        assertThat(beans.getAttribute(name, "ipv6Prefix")).isEqualTo("64");
        assertThat(beans.getAttribute(name, "refuse")).isEqualTo("reset");
        assertThat(beans.getAttribute(name, "onError")).isEqualTo("refuse");
        assertThat(beans.getAttribute(name, "maxPendingPerClient")).isEqualTo("0");
        assertThat(beans.getAttribute(name, "reservedConnections")).isEqualTo("0");
        assertThat(beans.getAttribute(name, "handshakeTimeout")).isEqualTo("5000ms");
        assertThat(beans.getAttribute(name, "dryRun")).isEqualTo("false");
        assertThat(beans.getAttribute(name, "respondRate")).isEqualTo("10");
        assertThat(beans.getAttribute(name, "respondBurst")).isEqualTo("100");
        assertThat(beans.getAttribute(name, "respondMaxOpen")).isEqualTo("100");
        for (String figure : new String[] {
            "pendingConnections",
            "streams",
            "refusedPending",
            "refusedStreams",
            "refusedTotal",
            "timedOut",
            "timedOutHandshake",
            "timedOutFirstByte",
            "timedOutHeader",
            "dryRunRefused",
            "dryRunTimedOut",
            "responded",
            "reset",
            "unnamedClients",
            "errors",
            "forgotten"
        }) {
            assertThat(beans.getAttribute(name, figure)).as(figure).isEqualTo(0L);
        }
        assertThat(beans.getAttribute(name, "openConnections")).isEqualTo(1L);
        assertThat(beans.getAttribute(name, "clients")).isEqualTo(1L);
        assertThat(beans.getAttribute(name, "largestClient")).isEqualTo(1L);
        assertThat(beans.getAttribute(name, "admitted")).isEqualTo(1L);
        assertThat(beans.getAttribute(name, "refused")).isEqualTo(0L);
        assertThat((String[]) beans.invoke(name, "topClients", new Object[] {5}, new String[] {"int"}))
                .containsExactly("127.0.0.2/32 open=1 pending=0 streams=0 limit=3");
        beans.setAttribute(name, new Attribute("networkLimits", "ipv4/24=20"));
        assertThat((String[]) beans.invoke(name, "topNetworks", new Object[] {5}, new String[] {"int"}))
                .containsExactly("127.0.0.0/24 open=1 limit=20");

        beans.setAttribute(name, new Attribute("maxPerClient", "1"));
        assertThat(server.connect(2, connector).isServed()).isFalse();
        assertThat(beans.getAttribute(name, "refused")).isEqualTo(1L);
        beans.setAttribute(name, new Attribute("rules", "127.0.0.2=2"));
        assertThat(server.connect(2, connector).isServed()).isTrue();

        for (Attribute bad : new Attribute[] {
            new Attribute("maxPerClient", "-5"), new Attribute("rules", "nonsense"), new Attribute("refuse", null)
        }) {
            assertThatThrownBy(() -> beans.setAttribute(name, bad)).hasStackTraceContaining("is not allowed");
        }
        assertThat(beans.getAttribute(name, "maxPerClient")).isEqualTo("1");
        assertThat(beans.getAttribute(name, "rules")).isEqualTo("127.0.0.2/32=2");
        assertThat(server.connect(2, connector).isServed()).isFalse();
        assertThat(server.connect(3, connector).isServed()).isTrue();

        beans.setAttribute(name, new Attribute("dryRun", "true"));
        assertThat(server.connect(2, connector).isServed()).isTrue();
        assertThat(beans.getAttribute(name, "dryRunRefused")).isEqualTo(1L);
        for (Attribute changed : new Attribute[] {
            new Attribute("maxPendingPerClient", "7"),
            new Attribute("rules", "127.0.0.2/32=unlimited"),
            new Attribute("maxPerClient", "20"),
            new Attribute("reservedConnections", "10"),
            new Attribute("handshakeTimeout", "1500ms"),
            new Attribute("respondRate", "1"),
            new Attribute("respondBurst", "2"),
            new Attribute("respondMaxOpen", "3")
        }) {
            beans.setAttribute(name, changed);
            assertThat(beans.getAttribute(name, changed.getName())).isEqualTo(changed.getValue());
        }
        assertThatThrownBy(() -> beans.setAttribute(name, new Attribute("reservedConnections", "15")))
                .hasStackTraceContaining("reservedConnections: \"15\" is not allowed");
        assertThat(beans.getAttribute(name, "reservedConnections")).isEqualTo("10");
    }

    /** What is visible in JMX, and what server.xml takes, is to be all that there is. */
    @Test
    void everySettingHasItsMethods() throws Exception {
        for (String name : ConnectionLimits.defaults().toSettings().keySet()) {
            String suffix = Character.toUpperCase(name.charAt(0)) + name.substring(1);
            assertThat(ConnectionLimitAttributes.class.getMethod("get" + suffix).invoke(valve))
                    .as(name)
                    .isEqualTo(ConnectionLimits.defaults().toSettings().get(name));
            ConnectionLimitAttributes.class
                    .getMethod("set" + suffix, String.class)
                    .invoke(valve, "text of " + name);
            assertThat(valve.getProperty(name)).isEqualTo("text of " + name);
        }
        valve.setClusterUri("redis://user:secret@192.0.2.1");
        assertThat(valve.getClusterUri()).isEqualTo("redis://***@192.0.2.1");
        assertThat(valve.setProperty("maxPerClients", "5")).isFalse();
        assertThat(valve.getProperty("maxPerClients")).isNull();
    }

    @Test
    void everySettingCanBeSetByItsOwnMethod() {
        valve.setRules("10.0.0.0/8=5");
        valve.setIpv6Prefix("48");
        valve.setRefuse("respond");
        valve.setOnError("admit");
        assertThat(valve.getRules()).isEqualTo("10.0.0.0/8=5");
        assertThat(valve.getIpv6Prefix()).isEqualTo("48");
        assertThat(valve.getRefuse()).isEqualTo("respond");
        assertThat(valve.getOnError()).isEqualTo("admit");
        assertThat(valve.topClients(3)).isEmpty();
        assertThat(valve.topNetworks(3)).isEmpty();
        assertThat(valve.getOpenConnections()).isZero();
        assertThat(valve.getAdmitted()).isZero();
    }
}
