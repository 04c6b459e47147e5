package io.github.connlimit.jetty;

import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectableChannel;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.SelectorManager;

/** What Jetty does with connections, as other beans of the connector hear it. */
final class RecordingListener implements SelectorManager.AcceptListener, Connection.Listener {

    final List<String> events = new CopyOnWriteArrayList<>();

    @Override
    public void onAccepting(SelectableChannel channel) {
        events.add("accepting");
    }

    @Override
    public void onAccepted(SelectableChannel channel) {
        events.add("accepted");
    }

    @Override
    public void onAcceptFailed(SelectableChannel channel, Throwable cause) {
        events.add("acceptFailed" + (cause instanceof ClosedChannelException ? " since closed" : ""));
    }

    @Override
    public void onOpened(Connection connection) {
        events.add("opened");
    }

    @Override
    public void onClosed(Connection connection) {
        events.add("connectionClosed");
    }

    @Override
    public void onClosed(SelectableChannel channel) {
        events.add("closed");
    }
}
