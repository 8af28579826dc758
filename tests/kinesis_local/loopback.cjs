// kinesis-local listens on every interface and cannot be told otherwise: here it is.
const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  if (typeof first === "object" && first !== null) {
    return listen.call(this, { ...first, host: "127.0.0.1" }, ...rest);
  }
  const behind = typeof rest[0] === "string" ? rest.slice(1) : rest;
  return listen.call(this, first, "127.0.0.1", ...behind);
};
