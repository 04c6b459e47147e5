package io.github.connlimit.jetty;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Executor;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.BufferUtil;

/** What a request may upgrade its connection to: sends back what it gets, and counts nothing. */
final class EchoConnection extends AbstractConnection {

    private final ByteBuffer buffer = BufferUtil.allocate(1024);

    EchoConnection(EndPoint endPoint, Executor executor) {
        super(endPoint, executor);
    }

    @Override
    public void onOpen() {
        super.onOpen();
        fillInterested();
    }

    @Override
    public void onFillable() {
        try {
            int read;
            while ((read = getEndPoint().fill(buffer)) > 0) {
                getEndPoint().flush(buffer);
                BufferUtil.clear(buffer);
            }
            if (read < 0) {
                close();
            } else {
                fillInterested();
            }
        } catch (IOException gone) {
            close();
        }
    }

    /** As a WebSocket that has been silent. */
    @Override
    public long getBytesIn() {
        return 0;
    }
}
