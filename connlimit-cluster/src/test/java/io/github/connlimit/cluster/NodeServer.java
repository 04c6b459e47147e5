package io.github.connlimit.cluster;

import io.github.connlimit.ClusterMembership;
import io.github.connlimit.ClusterSnapshot;
import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.ConnectionLimits;
import io.github.connlimit.ConnectionPermit;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * A node, to be run as a process: tells each client that it admits so, and resets the others. It prints its port, and its
 * figures for each line that it reads. Its arguments are settings.
 */
final class NodeServer {

    static final byte ADMITTED = 'A';

    private final ConnectionLimiter limiter;
    private final Selector selector = Selector.open();
    private final ServerSocketChannel server = ServerSocketChannel.open();
    private final ByteBuffer buffer = ByteBuffer.allocate(512);

    private NodeServer(ConnectionLimiter limiter) throws IOException {
        this.limiter = limiter;
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1024);
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
    }

    public static void main(String[] arguments) throws Exception {
        ConnectionLimits.Builder limits = ConnectionLimits.builder();
        for (String argument : arguments) {
            String[] setting = argument.split("=", 2);
            limits.set(setting[0], setting[1]);
        }
        ConnectionLimiter limiter = new ConnectionLimiter(limits.build());
        NodeServer node = new NodeServer(limiter);
        ClusterMembership membership = limiter.joinCluster();
        Thread thread = new Thread(node::serve, "server");
        thread.setDaemon(true);
        thread.start();
        System.out.println(node.server.socket().getLocalPort());
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        while (lines.readLine() != null) {
            System.out.println(figures(limiter));
        }
        membership.close();
    }

    private static String figures(ConnectionLimiter limiter) {
        ClusterSnapshot cluster = limiter.cluster().orElse(ClusterSnapshot.NONE);
        return limiter.snapshot().openConnections() + " " + limiter.snapshot().clients() + " "
                + limiter.snapshot().errors() + " " + cluster.connected() + " " + cluster.reserved() + " "
                + cluster.requests();
    }

    private void serve() {
        while (true) {
            try {
                selector.select();
                for (SelectionKey key : selector.selectedKeys()) {
                    if (key.isAcceptable()) {
                        accept();
                    } else {
                        read(key);
                    }
                }
                selector.selectedKeys().clear();
            } catch (IOException error) {
                error.printStackTrace();
            }
        }
    }

    private void accept() throws IOException {
        SocketChannel channel = server.accept();
        while (channel != null) {
            Optional<ConnectionPermit> permit =
                    limiter.tryAcquire(((InetSocketAddress) channel.getRemoteAddress()).getAddress());
            if (permit.isPresent()) {
                channel.configureBlocking(false);
                channel.register(selector, SelectionKey.OP_READ, permit.get());
                channel.write(ByteBuffer.wrap(new byte[] {ADMITTED}));
            } else {
                channel.setOption(StandardSocketOptions.SO_LINGER, 0);
                channel.close();
            }
            channel = server.accept();
        }
    }

    private void read(SelectionKey key) throws IOException {
        buffer.clear();
        try {
            if (((SocketChannel) key.channel()).read(buffer) >= 0) {
                return;
            }
        } catch (IOException reset) {
            // Ended as well.
        }
        key.channel().close();
        ((ConnectionPermit) key.attachment()).close();
    }
}
