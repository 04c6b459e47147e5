package io.github.connlimit.jetty;

import java.nio.ByteBuffer;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.eclipse.jetty.io.AbstractConnection;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.util.BufferUtil;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;

/** Waits for the first byte without reading it, then upgrades to the connection that reads it. */
final class FirstByteConnection extends AbstractConnection implements Connection.UpgradeTo, Connection.UpgradeFrom {

    private final Runnable onFirstByte;
    private final Function<EndPoint, Connection> next;
    private final Callback whenFillable;

    /** What was read before this connection was made, for the next one; or {@code null}. */
    private ByteBuffer early;

    /** @param type whether opening the next connection may block */
    FirstByteConnection(
            EndPoint endPoint,
            Executor executor,
            Invocable.InvocationType type,
            Runnable onFirstByte,
            Function<EndPoint, Connection> next) {
        super(endPoint, executor);
        this.onFirstByte = onFirstByte;
        this.next = next;
        this.whenFillable = Callback.from(type, this::onFillable, this::onFillInterestedFailed);
    }

    @Override
    public void onUpgradeTo(ByteBuffer buffer) {
        early = buffer;
    }

    @Override
    public void onOpen() {
        super.onOpen();
        if (BufferUtil.hasContent(early)) {
            onFillable();
        } else {
            // The superclass's fillInterested(Callback) does not exist in Jetty 12.0.
            getEndPoint().fillInterested(whenFillable);
        }
    }

    /** Upgrades: the first byte, or the end of the input, has come. */
    @Override
    public void onFillable() {
        onFirstByte.run();
        try {
            getEndPoint().upgrade(next.apply(getEndPoint()));
        } catch (Throwable error) {
            getEndPoint().close(error);
            throw error;
        }
    }

    @Override
    public ByteBuffer onUpgradeFrom() {
        return early;
    }

    /** Not -1 ("does not count"), as the superclass says: nothing has been read while this connection waits. */
    @Override
    public long getBytesIn() {
        return 0;
    }
}
