package io.github.connlimit.jetty;

import io.github.connlimit.ConnectionLimiter;
import java.lang.management.ManagementFactory;
import javax.management.InstanceAlreadyExistsException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/** A limiter's registration with JMX, in a class of its own so that nothing else needs {@code java.management}. */
final class JmxRegistration {

    private final MBeanServer mBeanServer;
    private final ObjectName name;

    private JmxRegistration(MBeanServer mBeanServer, ObjectName name) {
        this.mBeanServer = mBeanServer;
        this.name = name;
    }

    /** Registers under this name or, if it is taken, under the first free one of {@code name-2}, {@code name-3}, ... */
    static JmxRegistration register(ConnectionLimiter limiter, String name) throws JMException {
        MBeanServer mBeanServer = ManagementFactory.getPlatformMBeanServer();
        for (int number = 1; ; number++) {
            ObjectName candidate = new ObjectName(
                    "io.github.connlimit:type=ConnectionLimiter,name=" + name + (number == 1 ? "" : "-" + number));
            try {
                mBeanServer.registerMBean(limiter.mxBean(), candidate);
                return new JmxRegistration(mBeanServer, candidate);
            } catch (InstanceAlreadyExistsException taken) {
                // Try the next one.
            }
        }
    }

    void unregister() throws JMException {
        try {
            mBeanServer.unregisterMBean(name);
        } catch (InstanceNotFoundException already) {
            // Somebody else has unregistered it.
        }
    }
}
