package io.github.connlimit;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import javax.management.Attribute;
import javax.management.AttributeList;
import javax.management.AttributeNotFoundException;
import javax.management.DynamicMBean;
import javax.management.InvalidAttributeValueException;
import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanException;
import javax.management.MBeanInfo;
import javax.management.ReflectionException;
import javax.management.StandardMBean;

/** A limiter in JMX: its figures, and its settings as attributes made from their declarations. Thread-safe. */
final class LimiterMBean implements DynamicMBean {

    private final ConnectionLimiter limiter;
    private final StandardMBean figures;
    private final MBeanInfo info;

    private LimiterMBean(ConnectionLimiter limiter) {
        this.limiter = limiter;
        figures = view(new LimiterFigures(limiter));
        MBeanInfo ofFigures = figures.getMBeanInfo();
        info = new MBeanInfo(
                LimiterMBean.class.getName(),
                "Figures and settings of a connection limiter",
                Stream.concat(
                                Stream.of(ofFigures.getAttributes()),
                                Stream.of(Settings.values()).map(LimiterMBean::attribute))
                        .toArray(MBeanAttributeInfo[]::new),
                ofFigures.getConstructors(),
                ofFigures.getOperations(),
                ofFigures.getNotifications(),
                ofFigures.getDescriptor());
    }

    /** Declared as the interface: whoever verifies the caller's class then need not load this one. */
    static DynamicMBean of(ConnectionLimiter limiter) {
        return new LimiterMBean(limiter);
    }

    private static StandardMBean view(LimiterFigures figures) {
        return new StandardMBean(figures, ConnectionLimiterMXBean.class, true);
    }

    private static MBeanAttributeInfo attribute(Settings setting) {
        return new MBeanAttributeInfo(
                attributeName(setting),
                (isNative(setting) ? setting.type() : String.class).getName(),
                setting.description() + ". Allowed: " + setting.allowed() + ". Default: " + setting.defaultText(),
                true,
                true,
                setting.type() == boolean.class);
    }

    private static String attributeName(Settings setting) {
        return Character.toUpperCase(setting.key().charAt(0)) + setting.key().substring(1);
    }

    /** Whether JMX has a type for the values; the others are text. */
    private static boolean isNative(Settings setting) {
        return setting.type().isPrimitive();
    }

    private static Optional<Settings> setting(String attribute) {
        return Stream.of(Settings.values())
                .filter(setting -> attributeName(setting).equals(attribute))
                .findFirst();
    }

    @Override
    public MBeanInfo getMBeanInfo() {
        return info;
    }

    @Override
    public Object getAttribute(String attribute)
            throws AttributeNotFoundException, MBeanException, ReflectionException {
        return get(attribute, limiter.limits(), figures);
    }

    private static Object get(String attribute, ConnectionLimits limits, StandardMBean figures)
            throws AttributeNotFoundException, MBeanException, ReflectionException {
        Optional<Settings> setting = setting(attribute);
        return setting.isPresent() ? value(setting.get(), limits) : figures.getAttribute(attribute);
    }

    private static Object value(Settings setting, ConnectionLimits limits) {
        Object value = limits.get(setting);
        return isNative(setting) ? value : setting.print(value);
    }

    @Override
    public void setAttribute(Attribute attribute)
            throws AttributeNotFoundException, InvalidAttributeValueException, MBeanException, ReflectionException {
        Optional<Settings> setting = setting(attribute.getName());
        if (setting.isPresent()) {
            Object value = attribute.getValue();
            checkType(setting.get(), value);
            limiter.reconfigure(
                    limits -> set(limits.toBuilder(), setting.get(), value).build());
        } else {
            figures.setAttribute(attribute);
        }
    }

    private static void checkType(Settings setting, Object value) throws InvalidAttributeValueException {
        if (!hasType(setting, value)) {
            throw new InvalidAttributeValueException(setting.key() + ": " + value + " is not allowed; "
                    + (isNative(setting) ? setting.type() : String.class).getName() + ": " + setting.allowed());
        }
    }

    /** @param value of the right type */
    private static ConnectionLimits.Builder set(ConnectionLimits.Builder builder, Settings setting, Object value) {
        return isNative(setting) ? builder.set(setting, value) : builder.set(setting.key(), (String) value);
    }

    private static boolean hasType(Settings setting, Object value) {
        if (isNative(setting)) {
            return setting.type() == boolean.class ? value instanceof Boolean : value instanceof Integer;
        }
        return value instanceof String;
    }

    /** The figures are of one moment, and so are the settings. */
    @Override
    public AttributeList getAttributes(String[] names) {
        ConnectionLimits limits = limiter.limits();
        StandardMBean now = view(LimiterFigures.ofNow(limiter));
        AttributeList found = new AttributeList();
        for (String name : names) {
            try {
                found.add(new Attribute(name, get(name, limits, now)));
            } catch (JMException | RuntimeException missing) {
                // Its absence tells the caller, by the contract of this method.
            }
        }
        return found;
    }

    /** Puts all that are allowed in force at once. If they do not fit each other, none is. */
    @Override
    public AttributeList setAttributes(AttributeList attributes) {
        // What is left out tells the caller, by the contract of this method.
        List<Attribute> allowed =
                attributes.asList().stream().filter(LimiterMBean::isAllowed).toList();
        AttributeList set = new AttributeList();
        try {
            if (!allowed.isEmpty()) {
                limiter.reconfigure(limits -> set(limits, allowed));
            }
        } catch (IllegalArgumentException misfit) {
            return set;
        }
        ConnectionLimits limits = limiter.limits();
        for (Attribute attribute : allowed) {
            setting(attribute.getName())
                    .ifPresent(setting -> set.add(new Attribute(attribute.getName(), value(setting, limits))));
        }
        return set;
    }

    private static ConnectionLimits set(ConnectionLimits limits, List<Attribute> attributes) {
        ConnectionLimits.Builder builder = limits.toBuilder();
        for (Attribute attribute : attributes) {
            setting(attribute.getName()).ifPresent(setting -> set(builder, setting, attribute.getValue()));
        }
        return builder.build();
    }

    private static boolean isAllowed(Attribute attribute) {
        Settings setting = setting(attribute.getName()).orElse(null);
        if (setting == null || !hasType(setting, attribute.getValue())) {
            return false;
        }
        try {
            set(ConnectionLimits.builder(), setting, attribute.getValue());
            return true;
        } catch (IllegalArgumentException notAllowed) {
            return false;
        }
    }

    @Override
    public Object invoke(String operation, Object[] arguments, String[] signature)
            throws MBeanException, ReflectionException {
        return figures.invoke(operation, arguments, signature);
    }
}
