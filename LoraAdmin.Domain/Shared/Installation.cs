namespace LoraAdmin.Domain.Shared;

public enum CloudKind
{
    /// <summary>LocalCloud stands in for every vendor.</summary>
    Local,

    /// <summary>At least one real vendor is configured.</summary>
    Real,
}

/// <summary>One portal database. Made at the first migration; changed only when a person says that the database is a copy.</summary>
/// <param name="Id">Eight lower-case hex digits; part of the name of every pod that this installation asks for.</param>
/// <param name="Cloud">Whether this database works on the local or on real clouds; a start with the other kind is refused.</param>
/// <param name="AgentKey">32 secret bytes: a pod's token is HMAC-SHA256(key, ledger name). Never logged or shown.</param>
public sealed record Installation(string Id, CloudKind Cloud, byte[] AgentKey, DateTimeOffset CreatedAt);
