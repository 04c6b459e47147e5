package io.github.connlimit.tomcat;

import io.github.connlimit.ConnectionLimiter;
import io.github.connlimit.RefusalHandler;
import java.nio.channels.NetworkChannel;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.apache.coyote.http11.Http11Nio2Protocol;
import org.apache.coyote.http11.Http11NioProtocol;

/** The two kinds of limited protocol, which are to behave alike. */
enum Kind {
    NIO {
        @Override
        AbstractHttp11Protocol<?> protocol() {
            return new ConnectionLimitHttp11NioProtocol();
        }

        @Override
        AbstractHttp11Protocol<?> protocol(ConnectionLimiter limiter, RefusalHandler<NetworkChannel> handler) {
            ConnectionLimitHttp11NioProtocol protocol = new ConnectionLimitHttp11NioProtocol();
            protocol.setLimiter(limiter);
            protocol.setRefusalHandler(handler);
            return protocol;
        }

        @Override
        AbstractHttp11Protocol<?> stock() {
            return new Http11NioProtocol();
        }
    },
    NIO2 {
        @Override
        AbstractHttp11Protocol<?> protocol() {
            return new ConnectionLimitHttp11Nio2Protocol();
        }

        @Override
        AbstractHttp11Protocol<?> protocol(ConnectionLimiter limiter, RefusalHandler<NetworkChannel> handler) {
            ConnectionLimitHttp11Nio2Protocol protocol = new ConnectionLimitHttp11Nio2Protocol();
            protocol.setLimiter(limiter);
            protocol.setRefusalHandler(handler);
            return protocol;
        }

        @Override
        AbstractHttp11Protocol<?> stock() {
            return new Http11Nio2Protocol();
        }
    };

    abstract AbstractHttp11Protocol<?> protocol();

    abstract AbstractHttp11Protocol<?> protocol(ConnectionLimiter limiter, RefusalHandler<NetworkChannel> handler);

    AbstractHttp11Protocol<?> protocol(ConnectionLimiter limiter) {
        return protocol(limiter, null);
    }

    /** Tomcat's own. */
    abstract AbstractHttp11Protocol<?> stock();
}
