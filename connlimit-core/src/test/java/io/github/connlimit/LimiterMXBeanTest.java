package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import javax.management.Attribute;
import javax.management.JMX;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServer;
import javax.management.MBeanServerFactory;
import javax.management.ObjectName;
import javax.management.RuntimeMBeanException;
import javax.management.openmbean.CompositeData;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LimiterMXBeanTest {

    private final ConnectionLimiter limiter = new ConnectionLimiter(
            ConnectionLimits.builder()
                    .maxPerClient(3)
                    .limit("127.0.0.3", 1)
                    .exempt("10.0.0.0/8")
                    .build(),
            new ConcurrentHashMap<>(),
            System::nanoTime,
            new RecordingLogger());
    private final List<ConnectionPermit> permits = new ArrayList<>();
    private final MBeanServer server = MBeanServerFactory.newMBeanServer();
    private ObjectName name;

    @BeforeEach
    void register() throws Exception {
        name = new ObjectName("io.github.connlimit:type=ConnectionLimiter,name=test");
        server.registerMBean(limiter.mxBean(), name);
    }

    @AfterEach
    void everythingEndsAtZero() throws Exception {
        permits.forEach(ConnectionPermit::close);
        assertThat(server.getAttribute(name, "OpenConnections")).isEqualTo(0L);
        assertThat(server.getAttribute(name, "Clients")).isEqualTo(0L);
    }

    private void open(String address, int connections) {
        for (int i = 0; i < connections; i++) {
            permits.add(limiter.tryAcquire(ip(address)).orElseThrow());
        }
    }

    @Test
    void showsAllFiguresAndSettings() throws Exception {
        assertThat(Stream.of(server.getMBeanInfo(name).getAttributes()).map(MBeanAttributeInfo::getName))
                .containsExactlyInAnyOrder(
                        "OpenConnections",
                        "Clients",
                        "Admitted",
                        "Refused",
                        "MaxPerClient",
                        "Rules",
                        "Ipv4Prefix",
                        "Ipv6Prefix",
                        "Refuse",
                        "OnError",
                        "RefusedPending",
                        "RefusedStreams",
                        "TimedOut",
                        "DryRunRefused",
                        "DryRunTimedOut",
                        "Responded",
                        "Reset",
                        "MaxPendingPerClient",
                        "ReservedConnections",
                        "HandshakeTimeout",
                        "DryRun",
                        "RespondRate",
                        "RespondBurst",
                        "RespondMaxOpen");
        open("127.0.0.2", 3);
        open("127.0.0.3", 1);
        permits.remove(0).close();
        limiter.tryAcquire(ip("127.0.0.3"));
        assertThat(server.getAttribute(name, "OpenConnections")).isEqualTo(3L);
        assertThat(server.getAttribute(name, "Clients")).isEqualTo(2L);
        assertThat(server.getAttribute(name, "Admitted")).isEqualTo(4L);
        assertThat(server.getAttribute(name, "Refused")).isEqualTo(1L);
        assertThat(server.getAttribute(name, "MaxPerClient")).isEqualTo(3);
        assertThat(server.getAttribute(name, "Rules")).isEqualTo("10.0.0.0/8=unlimited, 127.0.0.3/32=1");
        assertThat(server.getAttribute(name, "Ipv4Prefix")).isEqualTo(32);
        assertThat(server.getAttribute(name, "Ipv6Prefix")).isEqualTo(64);
        assertThat(server.getAttribute(name, "Refuse")).isEqualTo("reset");
        assertThat(server.getAttribute(name, "OnError")).isEqualTo("refuse");
    }

    @Test
    void changesSettings() throws Exception {
        server.setAttribute(name, new Attribute("MaxPerClient", 7));
        server.setAttribute(name, new Attribute("Rules", "::/0=5"));
        server.setAttribute(name, new Attribute("Ipv4Prefix", 24));
        server.setAttribute(name, new Attribute("Ipv6Prefix", 56));
        server.setAttribute(name, new Attribute("Refuse", "close"));
        server.setAttribute(name, new Attribute("OnError", "admit"));
        server.setAttribute(name, new Attribute("MaxPendingPerClient", 4));
        server.setAttribute(name, new Attribute("HandshakeTimeout", "2s"));
        server.setAttribute(name, new Attribute("DryRun", true));
        server.setAttribute(name, new Attribute("RespondRate", 1));
        server.setAttribute(name, new Attribute("RespondBurst", 2));
        server.setAttribute(name, new Attribute("RespondMaxOpen", 3));
        assertThat(limiter.limits())
                .isEqualTo(ConnectionLimits.builder()
                        .maxPerClient(7)
                        .limit("::/0", 5)
                        .ipv4Prefix(24)
                        .ipv6Prefix(56)
                        .refuse(Refusal.CLOSE)
                        .onError(ErrorPolicy.ADMIT)
                        .maxPendingPerClient(4)
                        .handshakeTimeout(Duration.ofSeconds(2))
                        .dryRun(true)
                        .respondRate(1)
                        .respondBurst(2)
                        .respondMaxOpen(3)
                        .build());
        assertThat(server.getAttribute(name, "MaxPendingPerClient")).isEqualTo(4);
        assertThat(server.getAttribute(name, "ReservedConnections")).isEqualTo(0);
        assertThat(server.getAttribute(name, "HandshakeTimeout")).isEqualTo("2000ms");
        assertThat(server.getAttribute(name, "DryRun")).isEqualTo(true);
        assertThat(server.getAttribute(name, "RespondRate")).isEqualTo(1);
        assertThat(server.getAttribute(name, "RespondBurst")).isEqualTo(2);
        assertThat(server.getAttribute(name, "RespondMaxOpen")).isEqualTo(3);
        assertThat(server.getAttribute(name, "MaxPerClient")).isEqualTo(7);
        assertThat(server.getAttribute(name, "Rules")).isEqualTo("0:0:0:0:0:0:0:0/0=5");
        assertThat(server.getAttribute(name, "Ipv4Prefix")).isEqualTo(24);
        assertThat(server.getAttribute(name, "Ipv6Prefix")).isEqualTo(56);
        assertThat(server.getAttribute(name, "Refuse")).isEqualTo("close");
        assertThat(server.getAttribute(name, "OnError")).isEqualTo("admit");
    }

    @Test
    void aChangeIsInForceAtOnce() throws Exception {
        open("127.0.0.2", 3);
        assertThat(limiter.tryAcquire(ip("127.0.0.2"))).isEmpty();
        server.setAttribute(name, new Attribute("MaxPerClient", 4));
        open("127.0.0.2", 1);
        server.setAttribute(name, new Attribute("Rules", "127.0.0.2=1"));
        assertThat(limiter.tryAcquire(ip("127.0.0.2"))).isEmpty();
        open("127.0.0.3", 4);
    }

    @ParameterizedTest
    @CsvSource({
        "MaxPerClient, -1, maxPerClient",
        "Ipv4Prefix, 33, ipv4Prefix",
        "Ipv6Prefix, -1, ipv6Prefix",
    })
    void aBadNumberLeavesTheOldLimits(String attribute, int value, String key) {
        ConnectionLimits before = limiter.limits();
        assertThatExceptionOfType(RuntimeMBeanException.class)
                .isThrownBy(() -> server.setAttribute(name, new Attribute(attribute, value)))
                .havingCause()
                .isInstanceOf(IllegalArgumentException.class)
                .withMessageStartingWith(key + ": \"" + value + "\" is not allowed; a whole number from 0 to ");
        assertThat(limiter.limits()).isSameAs(before);
    }

    @ParameterizedTest
    @CsvSource({
        "Rules, localhost=1, rules: CIDR: \"localhost\"",
        "Rules, 10.0.0.0/8=x, rules: \"x\"",
        "Refuse, politely, refuse: \"politely\"",
        "OnError, panic, onError: \"panic\"",
    })
    void aBadTextLeavesTheOldLimits(String attribute, String value, String message) {
        ConnectionLimits before = limiter.limits();
        assertThatExceptionOfType(RuntimeMBeanException.class)
                .isThrownBy(() -> server.setAttribute(name, new Attribute(attribute, value)))
                .havingCause()
                .isInstanceOf(IllegalArgumentException.class)
                .withMessageStartingWith(message + " is not allowed; ");
        assertThat(limiter.limits()).isSameAs(before);
    }

    @Test
    void namesTheTopClients() throws Exception {
        open("127.0.0.2", 2);
        open("127.0.0.3", 1);
        open("10.0.0.1", 5);
        CompositeData[] top = (CompositeData[])
                server.invoke(name, "topClients", new Object[] {2}, new String[] {int.class.getName()});
        assertThat(top).hasSize(2);
        assertThat(top[0].getAll(new String[] {"address", "openConnections", "limit"}))
                .containsExactly("10.0.0.1/32", 5, 0);
        assertThat(top[1].getAll(new String[] {"address", "openConnections", "limit"}))
                .containsExactly("127.0.0.2/32", 2, 3);
        assertThat(top[0].getCompositeType().keySet())
                .containsExactly("address", "limit", "openConnections", "pendingConnections", "streams");
    }

    @Test
    void worksThroughAProxy() {
        ConnectionLimiterMXBean proxy = JMX.newMXBeanProxy(server, name, ConnectionLimiterMXBean.class);
        open("127.0.0.3", 1);
        assertThat(proxy.getOpenConnections()).isEqualTo(1);
        assertThat(proxy.topClients(10)).hasSize(1).allSatisfy(client -> {
            assertThat(client.getAddress()).isEqualTo("127.0.0.3/32");
            assertThat(client.getOpenConnections()).isEqualTo(1);
            assertThat(client.getLimit()).isEqualTo(1);
        });
        assertThat(proxy.topClients(0)).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> proxy.topClients(-1));
        proxy.setMaxPerClient(0);
        assertThat(limiter.limits().maxPerClient()).isZero();
    }
}
