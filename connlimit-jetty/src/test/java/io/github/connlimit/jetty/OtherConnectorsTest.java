package io.github.connlimit.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.connlimit.ConnectionLimiter;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.LocalConnector;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.unixdomain.server.UnixDomainServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Connectors that have no clients with an IP address: everything is let through, and nothing is counted. */
class OtherConnectorsTest {

    private final CapturedLog log = new CapturedLog();
    private final Server server = TestServer.newServer();
    private final ConnectionLimiter limiter = TestServer.limiter(1);

    OtherConnectorsTest() {
        server.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                response.write(true, ByteBuffer.wrap("OK".getBytes(StandardCharsets.US_ASCII)), callback);
                return true;
            }
        });
    }

    @AfterEach
    void stop() throws Exception {
        server.stop();
        log.close();
        assertThat(log.messages()).isEmpty();
        assertThat(limiter.snapshot(0).admitted()).isZero();
        assertThat(limiter.snapshot(0).refused()).isZero();
    }

    @Test
    void localConnector() throws Exception {
        LocalConnector connector = new LocalConnector(server);
        server.addConnector(connector);
        connector.addBean(new ConnectionLimitListener(limiter));
        server.start();
        List<LocalConnector.LocalEndPoint> endPoints = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            LocalConnector.LocalEndPoint endPoint =
                    connector.executeRequest("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
            assertThat(endPoint.getResponse()).startsWith("HTTP/1.1 200 ");
            endPoints.add(endPoint);
        }
        endPoints.forEach(LocalConnector.LocalEndPoint::close);
    }

    @Test
    void unixDomainServerConnector(@TempDir Path directory) throws Exception {
        Path path = directory.resolve("jetty.sock");
        UnixDomainServerConnector connector = new UnixDomainServerConnector(server, 1, 1);
        connector.setUnixDomainPath(path);
        server.addConnector(connector);
        connector.addBean(new ConnectionLimitListener(limiter));
        server.start();
        assertThat(connector.getProtocols()).containsExactly("http/1.1");
        List<SocketChannel> clients = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            SocketChannel client = SocketChannel.open(StandardProtocolFamily.UNIX);
            client.connect(UnixDomainSocketAddress.of(path));
            client.write(
                    ByteBuffer.wrap("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII)));
            byte[] status = Channels.newInputStream(client).readNBytes("HTTP/1.1 200".length());
            assertThat(new String(status, StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 200");
            clients.add(client);
        }
        for (SocketChannel client : clients) {
            client.close();
        }
    }

    @Test
    void installerLeavesThemAlone(@TempDir Path directory) throws Exception {
        LocalConnector local = new LocalConnector(server);
        UnixDomainServerConnector unix = new UnixDomainServerConnector(server);
        unix.setUnixDomainPath(directory.resolve("jetty.sock"));
        server.addBean(new ConnectionLimitInstaller(limiter));
        server.addConnector(local);
        server.addConnector(unix);
        server.start();
        assertThat(local.getBean(ConnectionLimitListener.class)).isNull();
        assertThat(unix.getBean(ConnectionLimitListener.class)).isNull();
        assertThat(local.getResponse("GET / HTTP/1.0\r\n\r\n")).startsWith("HTTP/1.1 200 ");
    }
}
