using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Shell;

/// <summary>What the frame says about the portal itself. Filled once at start, before the first page is served.</summary>
public sealed class PortalStatus
{
    /// <summary>Null until the installation row was read.</summary>
    public CloudKind? CloudKind { get; set; }

    /// <summary>Id of the installation: eight hex digits.</summary>
    public string? Installation { get; set; }
}
