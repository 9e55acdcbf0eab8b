namespace LoraAdmin.Shell;

/// <summary>Places on a page where other features show something of theirs: pages then don't know each other's features.</summary>
public static class SlotPlaces
{
    /// <summary>Above every page.</summary>
    public const string Banner = "frame.banner";

    /// <summary>In the menu's line of the overview.</summary>
    public const string OverviewLink = "menu.overview";

    /// <summary>First on the overview.</summary>
    public const string OverviewHead = "overview.head";

    /// <summary>After the overview's own tiles.</summary>
    public const string OverviewTiles = "overview.tiles";

    /// <summary>After the files that wait on the files page.</summary>
    public const string FilesEnd = "files.end";

    /// <summary>Beside the heading of the pods page.</summary>
    public const string PodsHead = "pods.head";

    /// <summary>After the present state on the breaker's page.</summary>
    public const string BreakerNotice = "breaker.notice";

    /// <summary>Below the heading of the pods page.</summary>
    public const string PodsNotice = "pods.notice";
}

/// <param name="Place">One of <see cref="SlotPlaces"/>.</param>
/// <param name="Component">Has no required parameter.</param>
public sealed record Slot(string Place, Type Component);
