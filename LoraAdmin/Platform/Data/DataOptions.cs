namespace LoraAdmin.Platform.Data;

/// <summary>Section <c>Data</c>.</summary>
public sealed class DataOptions
{
    public const string Section = "Data";

    public const string ConnectionStringKey = "ConnectionStrings:Database";

    /// <summary>Folder for everything the portal writes; relative to the content root. Made when absent.</summary>
    public string Path { get; set; } = "data";
}

/// <summary>The folder of <c>Data:Path</c>, absolute. Other parts of the platform make their own folders below it.</summary>
public sealed record DataFolder(string Path);
