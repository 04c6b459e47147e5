package io.github.connlimit.page;

import io.github.connlimit.ClientUsage;
import io.github.connlimit.LimiterSnapshot;
import io.github.connlimit.NetworkUsage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The figures of the page as JSON. */
final class Data {

    private Data() {}

    static String of(String name, History.Look look, boolean clients) {
        LimiterSnapshot now = look.now();
        return Json.object(data -> {
            data.field("name", name);
            data.field("dryRun", look.limits().dryRun());
            data.field("limit", look.limits().maxPerClient());
            data.field("maxTotal", look.limits().maxTotal());
            data.field("enforceAbove", look.limits().enforceAbove());
            data.field("open", now.openConnections());
            data.field("pending", now.pendingConnections());
            data.field("streams", now.streams());
            data.field("tarpitOpen", now.tarpitOpen());
            data.field("clients", now.clients());
            data.field("largestClient", now.largestClient());
            data.field("admitted", now.admitted());
            data.object("refused", refused -> totals(refused, now.refusals()));
            data.object("timedOut", timedOut -> totals(timedOut, now.timeOuts()));
            data.field("wouldRefuse", now.dryRunRefused());
            data.field("wouldTimeOut", now.dryRunTimedOut());
            data.field("unnamedClients", now.unnamedClients());
            data.field("errors", now.errors());
            data.field("forgotten", now.forgotten());
            look.cluster()
                    .ifPresent(cluster -> data.object("cluster", node -> {
                        node.field("connected", cluster.connected());
                        node.field(
                                "millisSinceLastAnswer",
                                cluster.sinceLastAnswer().toMillis());
                        node.field("onClusterError", look.limits().toSettings().get("onClusterError"));
                        node.field("reservations", cluster.reservations());
                        node.field("reserved", cluster.reserved());
                        node.field("requests", cluster.requests());
                        node.field("granted", cluster.granted());
                        node.field("denied", cluster.denied());
                        node.field("failed", cluster.failed());
                        node.field("away", cluster.away());
                    }));
            if (clients) {
                data.array(
                        "topClients",
                        now.topClients().stream().map(Data::client).toList());
                data.array(
                        "topNetworks",
                        now.topNetworks().stream().map(Data::network).toList());
            }
            data.object("history", history -> intervals(history, look.samples()));
        });
    }

    private static void totals(Json object, Map<? extends Enum<?>, Long> totals) {
        totals.forEach((constant, total) -> object.field(Sample.name(constant), total));
    }

    private static String client(ClientUsage usage) {
        return Json.object(client -> {
            client.field("client", usage.client().toString());
            client.field("open", usage.openConnections());
            client.field("pending", usage.pendingConnections());
            client.field("streams", usage.streams());
            client.field("limit", usage.limit());
        });
    }

    private static String network(NetworkUsage usage) {
        return Json.object(network -> {
            network.field("network", usage.network().toString());
            network.field("open", usage.openConnections());
            network.field("limit", usage.limit());
        });
    }

    /** How long each interval between two samples was, and what happened in it; {@code open} is at its end. */
    private static void intervals(Json history, List<Sample> samples) {
        List<String> seconds = new ArrayList<>();
        List<Long> open = new ArrayList<>();
        for (int i = 1; i < samples.size(); i++) {
            double length = (samples.get(i).nanoTime() - samples.get(i - 1).nanoTime()) / 1e9;
            seconds.add(String.format(Locale.ROOT, "%.2f", length));
            open.add(samples.get(i).open());
        }
        history.array("seconds", seconds);
        history.array("open", open);
        for (int name = 0; name < Sample.NAMES.size(); name++) {
            history.array(Sample.NAMES.get(name), during(samples, name));
        }
    }

    private static List<Long> during(List<Sample> samples, int name) {
        List<Long> during = new ArrayList<>();
        for (int i = 1; i < samples.size(); i++) {
            during.add(samples.get(i).totals()[name] - samples.get(i - 1).totals()[name]);
        }
        return during;
    }
}
