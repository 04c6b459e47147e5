[description]
Holds the connection limits of several servers together, by Redis or Valkey:
connlimit.clusterUri in start.d/connlimit.ini says where it is.

[tags]
connector

[depend]
connlimit

[lib]
lib/connlimit-cluster/*.jar
