package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionPhase;
import java.io.IOException;
import java.net.SocketAddress;
import java.nio.channels.AsynchronousSocketChannel;
import java.util.concurrent.ScheduledExecutorService;
import org.apache.tomcat.util.net.Nio2Channel;
import org.apache.tomcat.util.net.Nio2Endpoint;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketEvent;
import org.apache.tomcat.util.net.SocketWrapperBase;

/** An NIO2 endpoint that asks the limits about each connection it has accepted. */
class LimitedNio2Endpoint extends Nio2Endpoint {

    private final LimitedConnections<AsynchronousSocketChannel> limited = limitedConnections();

    /** {@code null} without a Connector. */
    private volatile ScheduledExecutorService lastUtilityExecutor;

    private LimitedConnections<AsynchronousSocketChannel> limitedConnections() {
        Transport<AsynchronousSocketChannel> transport = new Nio2Transport();
        return new LimitedConnections<>(transport, new Nio2LingeringClose(transport));
    }

    LimitedConnections<AsynchronousSocketChannel> limited() {
        return limited;
    }

    @Override
    public void setHandler(Handler<Nio2Channel> handler) {
        super.setHandler(new LimitedHandler<>(handler, limited, Nio2Channel::getIOChannel));
    }

    /** A connector that has stopped takes its executor away; Tomcat would then make one that nobody shuts down. */
    @Override
    public void setUtilityExecutor(ScheduledExecutorService executor) {
        if (executor != null) {
            lastUtilityExecutor = executor;
        }
        super.setUtilityExecutor(executor);
    }

    @Override
    public void startInternal() throws Exception {
        TrackedPool.ensure(getSocketProperties(), isSSLEnabled() ? getSniParseLimit() * 2 : 0);
        super.startInternal();
    }

    /** Tomcat 11 calls this for a new channel. Tomcat 10.1 does not, but takes one from its pool if there is any. */
    @Override
    protected Nio2Channel createChannel(SocketBufferHandler buffer) {
        Progress<AsynchronousSocketChannel> progress = new Progress<>(limited);
        return isSSLEnabled()
                ? new TrackedSecureNio2Channel(buffer, this, progress)
                : new TrackedNio2Channel(buffer, progress);
    }

    @Override
    protected boolean setSocketOptions(AsynchronousSocketChannel socket) {
        // Before Tomcat has it: it may be processed, and even closed, inside the call.
        if (!limited.admit(socket)) {
            return false;
        }
        boolean accepted;
        try {
            TrackedPool.offer(
                    getNioChannels(),
                    () -> createChannel(TrackedPool.buffer(getSocketProperties())),
                    Nio2Channel::free);
            accepted = super.setSocketOptions(socket);
        } catch (Throwable error) {
            // Tomcat leaves it at that: the virtual machine is in trouble, or there is no channel.
            closeSocket(socket);
            if (socket.isOpen()) {
                destroySocket(socket);
            }
            if (error instanceof Error) {
                throw error;
            }
            limited.report("taking over a connection failed", error);
            return false;
        }
        if (!accepted && !connections.containsKey(socket)) {
            limited.release(socket);
        }
        return accepted;
    }

    @Override
    protected void destroySocket(AsynchronousSocketChannel socket) {
        limited.release(socket);
        super.destroySocket(socket);
    }

    private final class Nio2Transport implements Transport<AsynchronousSocketChannel> {

        @Override
        public SocketAddress remoteAddress(AsynchronousSocketChannel channel) throws IOException {
            return channel.getRemoteAddress();
        }

        @Override
        public boolean isSecure() {
            return isSSLEnabled();
        }

        @Override
        public void resetOnClose(AsynchronousSocketChannel channel) throws IOException {
            // This kind of channel has no SO_LINGER: its close is a FIN, or a reset if something lies there unread.
        }

        @Override
        public void destroy(AsynchronousSocketChannel channel) {
            destroySocket(channel);
        }

        @Override
        public ConnectionPhase phase(AsynchronousSocketChannel channel) {
            Progress<AsynchronousSocketChannel> progress = progress(connections.get(channel));
            return progress == null ? null : progress.phase();
        }

        @Override
        public boolean closeExpired(AsynchronousSocketChannel channel) {
            SocketWrapperBase<Nio2Channel> wrapper = connections.get(channel);
            Progress<AsynchronousSocketChannel> progress = progress(wrapper);
            if (progress == null || !progress.expire(channel)) {
                return false;
            }
            close(wrapper);
            return true;
        }

        private Progress<AsynchronousSocketChannel> progress(SocketWrapperBase<Nio2Channel> wrapper) {
            Nio2Channel channel = wrapper == null ? null : wrapper.getSocket();
            if (channel instanceof TrackedSecureNio2Channel secure) {
                return secure.progress();
            }
            return channel instanceof TrackedNio2Channel plain ? plain.progress() : null;
        }

        @Override
        public void close(AsynchronousSocketChannel channel) {
            close(connections.get(channel));
        }

        private void close(SocketWrapperBase<Nio2Channel> wrapper) {
            // As Tomcat's own time-outs do it, safely with regard to a thread that is processing the connection.
            if (wrapper != null && !processSocket(wrapper, SocketEvent.ERROR, true)) {
                wrapper.close();
            }
        }

        @Override
        public ScheduledExecutorService executor() {
            ScheduledExecutorService last = lastUtilityExecutor;
            return last == null ? getUtilityExecutor() : last;
        }
    }
}
