package io.github.connlimit;

import java.util.List;

/** The view of a limiter for JMX. This class is thread-safe. */
final class LimiterMXBean implements ConnectionLimiterMXBean {

    private final ConnectionLimiter limiter;

    LimiterMXBean(ConnectionLimiter limiter) {
        this.limiter = limiter;
    }

    @Override
    public long getOpenConnections() {
        return limiter.snapshot(0).openConnections();
    }

    @Override
    public long getClients() {
        return limiter.snapshot(0).clients();
    }

    @Override
    public long getAdmitted() {
        return limiter.snapshot(0).admitted();
    }

    @Override
    public long getRefused() {
        return limiter.snapshot(0).refused();
    }

    @Override
    public long getRefusedPending() {
        return limiter.snapshot(0).refusedPending();
    }

    @Override
    public long getRefusedStreams() {
        return limiter.snapshot(0).refusedStreams();
    }

    @Override
    public long getTimedOut() {
        return limiter.snapshot(0).timedOut();
    }

    @Override
    public long getDryRunRefused() {
        return limiter.snapshot(0).dryRunRefused();
    }

    @Override
    public long getDryRunTimedOut() {
        return limiter.snapshot(0).dryRunTimedOut();
    }

    @Override
    public long getResponded() {
        return limiter.snapshot(0).responded();
    }

    @Override
    public long getReset() {
        return limiter.snapshot(0).reset();
    }

    @Override
    public int getMaxPerClient() {
        return limiter.limits().maxPerClient();
    }

    @Override
    public void setMaxPerClient(int connections) {
        limiter.reconfigure(
                limits -> limits.toBuilder().maxPerClient(connections).build());
    }

    @Override
    public String getRules() {
        return text("rules");
    }

    @Override
    public void setRules(String rules) {
        set("rules", rules);
    }

    @Override
    public int getIpv4Prefix() {
        return limiter.limits().ipv4Prefix();
    }

    @Override
    public void setIpv4Prefix(int length) {
        limiter.reconfigure(limits -> limits.toBuilder().ipv4Prefix(length).build());
    }

    @Override
    public int getIpv6Prefix() {
        return limiter.limits().ipv6Prefix();
    }

    @Override
    public void setIpv6Prefix(int length) {
        limiter.reconfigure(limits -> limits.toBuilder().ipv6Prefix(length).build());
    }

    @Override
    public String getRefuse() {
        return text("refuse");
    }

    @Override
    public void setRefuse(String refusal) {
        set("refuse", refusal);
    }

    @Override
    public String getOnError() {
        return text("onError");
    }

    @Override
    public void setOnError(String policy) {
        set("onError", policy);
    }

    @Override
    public int getMaxPendingPerClient() {
        return limiter.limits().maxPendingPerClient();
    }

    @Override
    public void setMaxPendingPerClient(int connections) {
        limiter.reconfigure(
                limits -> limits.toBuilder().maxPendingPerClient(connections).build());
    }

    @Override
    public int getReservedConnections() {
        return limiter.limits().reservedConnections();
    }

    @Override
    public void setReservedConnections(int connections) {
        limiter.reconfigure(
                limits -> limits.toBuilder().reservedConnections(connections).build());
    }

    @Override
    public int getRespondRate() {
        return limiter.limits().respondRate();
    }

    @Override
    public void setRespondRate(int perSecond) {
        limiter.reconfigure(limits -> limits.toBuilder().respondRate(perSecond).build());
    }

    @Override
    public int getRespondBurst() {
        return limiter.limits().respondBurst();
    }

    @Override
    public void setRespondBurst(int connections) {
        limiter.reconfigure(
                limits -> limits.toBuilder().respondBurst(connections).build());
    }

    @Override
    public int getRespondMaxOpen() {
        return limiter.limits().respondMaxOpen();
    }

    @Override
    public void setRespondMaxOpen(int connections) {
        limiter.reconfigure(
                limits -> limits.toBuilder().respondMaxOpen(connections).build());
    }

    @Override
    public String getHandshakeTimeout() {
        return text("handshakeTimeout");
    }

    @Override
    public void setHandshakeTimeout(String timeout) {
        set("handshakeTimeout", timeout);
    }

    @Override
    public boolean isDryRun() {
        return limiter.limits().dryRun();
    }

    @Override
    public void setDryRun(boolean only) {
        limiter.reconfigure(limits -> limits.toBuilder().dryRun(only).build());
    }

    private String text(String name) {
        return limiter.limits().toSettings().get(name);
    }

    private void set(String name, String value) {
        limiter.reconfigure(limits -> limits.toBuilder().set(name, value).build());
    }

    @Override
    public List<Client> topClients(int count) {
        return limiter.snapshot(count).topClients().stream()
                .<Client>map(UsageView::new)
                .toList();
    }

    private record UsageView(ClientUsage usage) implements Client {

        @Override
        public String getAddress() {
            return usage.client().toString();
        }

        @Override
        public int getOpenConnections() {
            return usage.openConnections();
        }

        @Override
        public int getPendingConnections() {
            return usage.pendingConnections();
        }

        @Override
        public int getStreams() {
            return usage.streams();
        }

        @Override
        public int getLimit() {
            return usage.limit();
        }
    }
}
