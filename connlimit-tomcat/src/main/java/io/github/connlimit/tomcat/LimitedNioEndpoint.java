package io.github.connlimit.tomcat;

import java.io.IOException;
import java.net.SocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ScheduledExecutorService;
import org.apache.tomcat.util.net.NioChannel;
import org.apache.tomcat.util.net.NioEndpoint;
import org.apache.tomcat.util.net.SocketBufferHandler;
import org.apache.tomcat.util.net.SocketWrapperBase;

/** An NIO endpoint that limits the connections it accepts. What it does is in {@link EndpointLimit}. */
class LimitedNioEndpoint extends NioEndpoint {

    private final Limit limit = new Limit();

    LimitedConnections<SocketChannel> limited() {
        return limit.connections();
    }

    @Override
    public void setHandler(Handler<NioChannel> handler) {
        super.setHandler(limit.limited(handler));
    }

    @Override
    public void setUtilityExecutor(ScheduledExecutorService executor) {
        limit.utilityExecutor(executor);
        super.setUtilityExecutor(executor);
    }

    @Override
    public void startInternal() throws Exception {
        TrackedPool.ensure(getSocketProperties(), isSSLEnabled() ? getSniParseLimit() * 2 : 0);
        super.startInternal();
    }

    /** Tomcat 11 calls this for a new channel. Tomcat 10.1 does not, but takes one from its pool if there is any. */
    @Override
    protected NioChannel createChannel(SocketBufferHandler buffer) {
        Progress<SocketChannel> progress = new Progress<>(limit.connections());
        return isSSLEnabled()
                ? new TrackedSecureNioChannel(buffer, this, progress)
                : new TrackedNioChannel(buffer, progress);
    }

    @Override
    protected boolean setSocketOptions(SocketChannel socket) {
        return limit.accept(socket);
    }

    @Override
    protected void destroySocket(SocketChannel socket) {
        limit.connections().release(socket);
        super.destroySocket(socket);
    }

    private final class Limit extends EndpointLimit<NioChannel, SocketChannel> {

        Limit() {
            super(LimitedNioEndpoint.this, NioLingeringClose::new);
        }

        @Override
        boolean takeOver(SocketChannel socket) {
            return LimitedNioEndpoint.super.setSocketOptions(socket);
        }

        @Override
        void closeSocket(SocketChannel socket) {
            LimitedNioEndpoint.this.closeSocket(socket);
        }

        @Override
        public void destroy(SocketChannel socket) {
            destroySocket(socket);
        }

        @Override
        public void letGo() {
            countDownConnection();
        }

        @Override
        SocketWrapperBase<NioChannel> wrapper(SocketChannel socket) {
            return LimitedNioEndpoint.this.connections.get(socket);
        }

        @Override
        SocketChannel channelOf(NioChannel channel) {
            return channel.getIOChannel();
        }

        @Override
        void offerChannels(int accepting) {
            TrackedPool.offer(
                    getNioChannels(),
                    accepting,
                    () -> createChannel(TrackedPool.buffer(getSocketProperties())),
                    NioChannel::free);
        }

        @Override
        public SocketAddress remoteAddress(SocketChannel channel) throws IOException {
            return channel.getRemoteAddress();
        }

        @Override
        public void resetOnClose(SocketChannel channel) throws IOException {
            channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        }
    }
}
