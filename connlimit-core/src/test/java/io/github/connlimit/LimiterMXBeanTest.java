package io.github.connlimit;

import static io.github.connlimit.Addresses.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.stream.Stream;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.InvalidAttributeValueException;
import javax.management.JMX;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServer;
import javax.management.MBeanServerFactory;
import javax.management.MXBean;
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
                        "PendingConnections",
                        "Streams",
                        "Clients",
                        "LargestClient",
                        "Admitted",
                        "Refused",
                        "RefusedPending",
                        "RefusedStreams",
                        "RefusedTotal",
                        "RefusedRate",
                        "RefusedNetwork",
                        "RefusedCluster",
                        "TimedOut",
                        "TimedOutHandshake",
                        "TimedOutFirstByte",
                        "TimedOutHeader",
                        "DryRunRefused",
                        "DryRunTimedOut",
                        "Responded",
                        "TarpitOpen",
                        "Tarpitted",
                        "Reset",
                        "UnnamedClients",
                        "Errors",
                        "Forgotten",
                        "ClusterConnected",
                        "ClusterMillisSinceLastAnswer",
                        "ClusterReservations",
                        "ClusterReserved",
                        "ClusterRequests",
                        "ClusterGranted",
                        "ClusterDenied",
                        "ClusterFailed",
                        "ClusterAway",
                        "ClusterUri",
                        "ClusterName",
                        "FreePerClient",
                        "LeaseTime",
                        "OnClusterError",
                        "MaxPendingPerClient",
                        "MaxRatePerClient",
                        "NetworkLimits",
                        "MaxTotal",
                        "EnforceAbove",
                        "ReservedConnections",
                        "HandshakeTimeout",
                        "HeaderTimeout",
                        "DryRun",
                        "RespondRate",
                        "RespondBurst",
                        "RespondMaxOpen",
                        "TarpitTime",
                        "TarpitMaxOpen",
                        "MaxPerClient",
                        "Rules",
                        "Ipv4Prefix",
                        "Ipv6Prefix",
                        "Refuse",
                        "OnError");
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
        assertThat(server.getAttribute(name, "MaxPendingPerClient")).isEqualTo(0);
        assertThat(server.getAttribute(name, "ReservedConnections")).isEqualTo(0);
        assertThat(server.getAttribute(name, "HandshakeTimeout")).isEqualTo("5000ms");
        assertThat(server.getAttribute(name, "DryRun")).isEqualTo(false);
        assertThat(server.getAttribute(name, "RespondRate")).isEqualTo(10);
        assertThat(server.getAttribute(name, "RespondBurst")).isEqualTo(100);
        assertThat(server.getAttribute(name, "RespondMaxOpen")).isEqualTo(100);
    }

    /** Each figure with a number of its own, so that none can stand in for another. */
    @Test
    void tellsTheFiguresApart() throws Exception {
        limiter.reconfigure(limits -> limits.toBuilder()
                .rules("")
                .maxPerClient(7)
                .maxPendingPerClient(1)
                .reservedConnections(1)
                .build());
        InetAddress peer = ip("127.0.0.2");
        Supplier<ConnectionPermit> pending = () -> new ConnectionPermit(limiter, true);
        permits.add(
                (ConnectionPermit) limiter.acquireOrReason(peer, pending, true, ConnectionLimiter.Counted.CONNECTION));
        for (int i = 0; i < 2; i++) {
            assertThat(limiter.acquireOrReason(peer, pending, true, ConnectionLimiter.Counted.CONNECTION))
                    .isEqualTo(RefusalReason.PENDING);
        }
        open("127.0.0.2", 6);
        assertThat(limiter.tryAcquire(peer)).isEmpty();
        for (int i = 0; i < 6; i++) {
            assertThat(permits.get(i).tryBeginStream()).isPresent();
        }
        for (int i = 0; i < 3; i++) {
            assertThat(permits.get(6).tryBeginStream()).isEmpty();
        }
        for (int i = 0; i < 4; i++) {
            limiter.timedOut(permits.get(0), ConnectionPhase.HANDSHAKE, Duration.ofSeconds(1), false);
        }
        for (int i = 0; i < 7; i++) {
            limiter.timedOut(permits.get(0), ConnectionPhase.FIRST_BYTE, Duration.ofSeconds(1), false);
        }
        for (int i = 0; i < 3; i++) {
            limiter.timedOut(permits.get(0), ConnectionPhase.HEADER, Duration.ofSeconds(1), false);
        }
        for (int i = 0; i < 11; i++) {
            limiter.unnamedClients().count(peer, "unknown");
        }
        for (int i = 0; i < 10; i++) {
            limiter.errors().report("an error", null);
        }
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(true).build());
        for (int i = 0; i < 5; i++) {
            limiter.timedOut(permits.get(0), ConnectionPhase.HANDSHAKE, Duration.ofSeconds(1), true);
        }
        for (int i = 0; i < 6; i++) {
            permits.add(limiter.tryAcquire(peer).orElseThrow());
        }
        permits.remove(12).close();
        limiter.reconfigure(
                limits -> limits.toBuilder().respondMaxOpen(8).respondBurst(8).build());
        for (int i = 0; i < 17; i++) {
            limiter.refusalBudget().tryTake(ip("10.0.0." + i), true);
        }
        assertThat(server.getAttribute(name, "OpenConnections")).isEqualTo(12L);
        assertThat(server.getAttribute(name, "Clients")).isEqualTo(1L);
        assertThat(server.getAttribute(name, "Admitted")).isEqualTo(13L);
        assertThat(server.getAttribute(name, "Refused")).isEqualTo(1L);
        assertThat(server.getAttribute(name, "RefusedPending")).isEqualTo(2L);
        assertThat(server.getAttribute(name, "RefusedStreams")).isEqualTo(3L);
        assertThat(server.getAttribute(name, "TimedOut")).isEqualTo(14L);
        assertThat(server.getAttribute(name, "TimedOutHandshake")).isEqualTo(4L);
        assertThat(server.getAttribute(name, "TimedOutFirstByte")).isEqualTo(7L);
        assertThat(server.getAttribute(name, "TimedOutHeader")).isEqualTo(3L);
        assertThat(server.getAttribute(name, "DryRunTimedOut")).isEqualTo(5L);
        assertThat(server.getAttribute(name, "DryRunRefused")).isEqualTo(6L);
        assertThat(server.getAttribute(name, "Responded")).isEqualTo(8L);
        assertThat(server.getAttribute(name, "Reset")).isEqualTo(9L);
        assertThat(server.getAttribute(name, "UnnamedClients")).isEqualTo(11L);
        assertThat(server.getAttribute(name, "Errors")).isEqualTo(10L);
        assertThat(server.getAttribute(name, "PendingConnections")).isEqualTo(1L);
        assertThat(server.getAttribute(name, "Streams")).isEqualTo(6L);
        assertThat(server.getAttribute(name, "LargestClient")).isEqualTo(12);
        CompositeData[] top = (CompositeData[])
                server.invoke(name, "topClients", new Object[] {2}, new String[] {int.class.getName()});
        assertThat(top).hasSize(1);
        assertThat(top[0].getAll(new String[] {"address", "openConnections", "pendingConnections", "streams", "limit"}))
                .containsExactly("127.0.0.2/32", 12, 1, 6, 7);
    }

    @Test
    void changesSettings() throws Exception {
        server.setAttribute(name, new Attribute("MaxPerClient", 7));
        server.setAttribute(name, new Attribute("Rules", "::/0=5"));
        server.setAttribute(name, new Attribute("Ipv4Prefix", 24));
        server.setAttribute(name, new Attribute("Ipv6Prefix", 56));
        server.setAttribute(name, new Attribute("Refuse", "close"));
        server.setAttribute(name, new Attribute("OnError", "admit"));
        server.setAttribute(name, new Attribute("Rules", "::/0=9"));
        server.setAttribute(name, new Attribute("MaxPendingPerClient", 3));
        server.setAttribute(name, new Attribute("ReservedConnections", 1));
        server.setAttribute(name, new Attribute("HandshakeTimeout", "7s"));
        server.setAttribute(name, new Attribute("DryRun", true));
        server.setAttribute(name, new Attribute("RespondRate", 11));
        server.setAttribute(name, new Attribute("RespondBurst", 12));
        server.setAttribute(name, new Attribute("RespondMaxOpen", 13));
        assertThat(limiter.limits())
                .isEqualTo(ConnectionLimits.builder()
                        .maxPerClient(7)
                        .limit("::/0", 9)
                        .ipv4Prefix(24)
                        .ipv6Prefix(56)
                        .refuse(Refusal.CLOSE)
                        .onError(ErrorPolicy.ADMIT)
                        .maxPendingPerClient(3)
                        .reservedConnections(1)
                        .handshakeTimeout(Duration.ofSeconds(7))
                        .dryRun(true)
                        .respondRate(11)
                        .respondBurst(12)
                        .respondMaxOpen(13)
                        .build());
        assertThat(server.getAttribute(name, "MaxPendingPerClient")).isEqualTo(3);
        assertThat(server.getAttribute(name, "ReservedConnections")).isEqualTo(1);
        assertThat(server.getAttribute(name, "HandshakeTimeout")).isEqualTo("7000ms");
        assertThat(server.getAttribute(name, "DryRun")).isEqualTo(true);
        assertThat(server.getAttribute(name, "RespondRate")).isEqualTo(11);
        assertThat(server.getAttribute(name, "RespondBurst")).isEqualTo(12);
        assertThat(server.getAttribute(name, "RespondMaxOpen")).isEqualTo(13);
        assertThat(server.getAttribute(name, "MaxPerClient")).isEqualTo(7);
        assertThat(server.getAttribute(name, "Rules")).isEqualTo("0:0:0:0:0:0:0:0/0=9");
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
        "MaxPendingPerClient, -1, maxPendingPerClient",
        "ReservedConnections, -1, reservedConnections",
        "RespondRate, 1001, respondRate",
        "RespondBurst, 1001, respondBurst",
        "RespondMaxOpen, 1001, respondMaxOpen",
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
        "HandshakeTimeout, soon, handshakeTimeout: \"soon\"",
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
    void refusesAValueOfAnotherType() {
        ConnectionLimits before = limiter.limits();
        assertThatExceptionOfType(InvalidAttributeValueException.class)
                .isThrownBy(() -> server.setAttribute(name, new Attribute("MaxPerClient", "7")))
                .withMessage(
                        "maxPerClient: 7 is not allowed; int: a whole number from 0 to 2147483647 (0 = unlimited)");
        assertThatExceptionOfType(InvalidAttributeValueException.class)
                .isThrownBy(() -> server.setAttribute(name, new Attribute("DryRun", null)))
                .withMessage("dryRun: null is not allowed; boolean: true, false");
        assertThatExceptionOfType(InvalidAttributeValueException.class)
                .isThrownBy(() -> server.setAttribute(name, new Attribute("Refuse", Refusal.CLOSE)))
                .withMessage("refuse: CLOSE is not allowed; java.lang.String: reset, close, respond, tarpit");
        assertThat(limiter.limits()).isSameAs(before);
    }

    @Test
    void knowsItsAttributesOnly() {
        assertThatExceptionOfType(AttributeNotFoundException.class)
                .isThrownBy(() -> server.getAttribute(name, "maxPerClient"));
        assertThatExceptionOfType(AttributeNotFoundException.class)
                .isThrownBy(() -> server.setAttribute(name, new Attribute("MaxPerCleint", 7)));
        assertThatExceptionOfType(AttributeNotFoundException.class)
                .isThrownBy(() -> server.setAttribute(name, new Attribute("Admitted", 7L)));
    }

    @Test
    void readsAndWritesSeveralAtOnce() throws Exception {
        AttributeList set = server.setAttributes(
                name,
                new AttributeList(List.of(
                        new Attribute("MaxPerClient", 9),
                        new Attribute("Refuse", "politely"),
                        new Attribute("Ipv4Prefix", 24))));
        assertThat(set.asList()).containsExactly(new Attribute("MaxPerClient", 9), new Attribute("Ipv4Prefix", 24));
        AttributeList read = server.getAttributes(name, new String[] {"MaxPerClient", "Refuse", "No", "Clients"});
        assertThat(read.asList())
                .containsExactly(
                        new Attribute("MaxPerClient", 9),
                        new Attribute("Refuse", "reset"),
                        new Attribute("Clients", 0L));
    }

    /** What fits only together can be set, and whoever connects meanwhile sees nothing in between. */
    @Test
    void severalAreOneChange() throws Exception {
        limiter.reconfigure(
                limits -> limits.toBuilder().rules("").maxPerClient(20).build());
        AttributeList set = server.setAttributes(
                name,
                new AttributeList(
                        List.of(new Attribute("ReservedConnections", 30), new Attribute("MaxPerClient", 50))));
        assertThat(set).hasSize(2);
        assertThat(limiter.limits().reservedConnections()).isEqualTo(30);
        assertThat(limiter.limits().maxPerClient()).isEqualTo(50);

        ConnectionLimits before = limiter.limits();
        set = server.setAttributes(
                name,
                new AttributeList(List.of(new Attribute("MaxPendingPerClient", 3), new Attribute("MaxPerClient", 31))));
        assertThat(set).isEmpty();
        assertThat(limiter.limits()).isSameAs(before);
        assertThat(server.setAttributes(name, new AttributeList(List.of(new Attribute("MaxPerClient", -1)))))
                .isEmpty();
        assertThat(limiter.limits()).isSameAs(before);
    }

    /** Whatever comes and goes meanwhile. */
    @Test
    void severalAreOfOneMoment() throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        Thread busy = new Thread(() -> {
            while (!stop.get()) {
                limiter.tryAcquire(Addresses.ip("192.0.2.1")).orElseThrow().close();
            }
        });
        busy.start();
        try {
            for (int i = 0; i < 2_000; i++) {
                List<Attribute> read = server.getAttributes(
                                name, new String[] {"OpenConnections", "Admitted", "Clients"})
                        .asList();
                assertThat(read.get(0).getValue()).isEqualTo(read.get(2).getValue());
            }
        } finally {
            stop.set(true);
            busy.join();
        }
    }

    /** A console shows what an attribute is for, and what it takes. */
    @Test
    void describesTheSettings() throws Exception {
        List<MBeanAttributeInfo> attributes = List.of(server.getMBeanInfo(name).getAttributes());
        assertThat(attributes)
                .contains(
                        new MBeanAttributeInfo(
                                "RespondRate",
                                "int",
                                "With refuse=respond on TLS: how many handshakes a second refused connections may cost,"
                                        + " over all clients. Allowed: a whole number from 0 to 1000. Default: 10",
                                true,
                                true,
                                false),
                        new MBeanAttributeInfo(
                                "DryRun",
                                "boolean",
                                "Whether to count and report only, and to refuse and close nothing. Allowed: true, false."
                                        + " Default: false",
                                true,
                                true,
                                true),
                        new MBeanAttributeInfo(
                                "HandshakeTimeout",
                                "java.lang.String",
                                "How long a connection may take for its TLS handshake, and again for its first byte."
                                        + " Allowed: a whole number with its unit, as in 500ms, 5s, 1m, from 1 ms to 24"
                                        + " days, or 0 (= off). Default: 5000ms",
                                true,
                                true,
                                false));
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

    /** What a client writes that wants a typed view of one of the settings. */
    @MXBean
    public interface FiguresAndLimit extends ConnectionLimiterMXBean {

        void setMaxPerClient(int connections);
    }

    @Test
    void worksThroughAProxy() {
        FiguresAndLimit proxy = JMX.newMXBeanProxy(server, name, FiguresAndLimit.class);
        open("127.0.0.3", 1);
        assertThat(proxy.getOpenConnections()).isEqualTo(1);
        assertThat(proxy.topClients(10)).hasSize(1).allSatisfy(client -> {
            assertThat(client.getAddress()).isEqualTo("127.0.0.3/32");
            assertThat(client.getOpenConnections()).isEqualTo(1);
            assertThat(client.getLimit()).isEqualTo(1);
        });
        assertThat(proxy.topClients(0)).isEmpty();
        assertThat(proxy.topNetworks(10)).isEmpty();
        limiter.reconfigure(
                limits -> limits.toBuilder().networkLimits("ipv4/24=20").build());
        assertThat(proxy.topNetworks(10)).hasSize(1).allSatisfy(network -> {
            assertThat(network.getAddresses()).isEqualTo("127.0.0.0/24");
            assertThat(network.getOpenConnections()).isEqualTo(1);
            assertThat(network.getLimit()).isEqualTo(20);
        });
        assertThatIllegalArgumentException().isThrownBy(() -> proxy.topClients(-1));
        proxy.setMaxPerClient(0);
        assertThat(limiter.limits().maxPerClient()).isZero();
    }
}
