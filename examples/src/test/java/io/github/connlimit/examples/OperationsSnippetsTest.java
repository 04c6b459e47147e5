package io.github.connlimit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import io.github.connlimit.LimiterListener;
import io.github.connlimit.RefusalReason;
import java.io.ByteArrayInputStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.logging.Handler;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import javax.management.Attribute;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;

class OperationsSnippetsTest {

    private final InetAddress client = InetAddress.getLoopbackAddress();

    @Test
    void reconfigures() {
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults());
        // tag::reconfigure[]
        limiter.reconfigure(limits -> limits.toBuilder()
                .maxPerClient(20)
                .rules("10.0.0.0/8=500, 192.0.2.10=unlimited")
                .build());
        // end::reconfigure[]
        assertThat(limiter.limits().maxPerClient()).isEqualTo(20);
        assertThat(limiter.limits().rules()).hasSize(2);
        assertThatThrownBy(() -> limiter.reconfigure(
                        limits -> limits.toBuilder().maxPerClient(-1).build()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(limiter.limits().maxPerClient()).isEqualTo(20);
    }

    @Test
    void isSeenInJmx() throws Exception {
        ConnectionLimiter limiter = new ConnectionLimiter(ConnectionLimits.defaults());
        // tag::jmx[]
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        ObjectName name = new ObjectName("io.github.connlimit:type=ConnectionLimiter,name=web");
        server.registerMBean(limiter.mxBean(), name);
        // end::jmx[]
        try {
            server.setAttribute(name, new Attribute("MaxPerClient", 20));
            assertThat(limiter.limits().maxPerClient()).isEqualTo(20);
            try (ConnectionPermit permit = limiter.acquire(client)) {
                assertThat(permit).isNotNull();
                assertThat(server.getAttribute(name, "OpenConnections")).isEqualTo(1L);
            }
        } finally {
            server.unregisterMBean(name);
        }
    }

    @Test
    void logsRefusals() throws Exception {
        ConnectionLimiter limiter = new ConnectionLimiter(
                ConnectionLimits.builder().maxPerClient(50).build());
        InetAddress address = InetAddress.getByName("192.0.2.1");
        List<String> messages = new ArrayList<>();
        Logger logger = Logger.getLogger("io.github.connlimit.ConnectionLimiter");
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                messages.add(entry.getLevel() + " " + entry.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        logger.addHandler(handler);
        try {
            for (int i = 0; i < 52; i++) {
                limiter.tryAcquire(address);
            }
            LogManager.getLogManager()
                    .updateConfiguration(
                            new ByteArrayInputStream(Docs.snippet("log-off").getBytes(StandardCharsets.US_ASCII)),
                            key -> (before, after) -> key.startsWith("io.github.connlimit") ? after : before);
            limiter.reconfigure(ConnectionLimits.defaults());
        } finally {
            logger.setLevel(null);
            logger.removeHandler(handler);
        }
        assertThat(messages).containsExactly("INFO " + Docs.snippet("log").trim());
    }

    @Test
    void tellsListeners() throws Exception {
        LongAdder refusals = new LongAdder();
        ConnectionLimits limits = ConnectionLimits.builder().maxPerClient(1).build();
        // tag::listener[]
        ConnectionLimiter limiter = new ConnectionLimiter(limits, new LimiterListener() {
            @Override
            public void refused(ClientUsage client, RefusalReason reason, boolean dryRun) {
                refusals.increment(); // quick, and no I/O: this may be the accept thread
            }
        });
        // end::listener[]
        try (ConnectionPermit permit = limiter.acquire(client)) {
            assertThat(permit).isNotNull();
            assertThat(limiter.tryAcquire(client)).isEmpty();
        }
        assertThat(refusals.sum()).isEqualTo(1);
    }
}
