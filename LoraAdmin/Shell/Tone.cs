namespace LoraAdmin.Shell;

/// <summary>What a state means for the person who looks: each has a colour, and always an icon and a word beside it.</summary>
public enum Tone
{
    /// <summary>Over, and nobody has to do anything.</summary>
    Quiet,

    /// <summary>Waits for its turn.</summary>
    Waiting,

    /// <summary>Works.</summary>
    Active,
    Good,

    /// <summary>Somebody should look.</summary>
    Warn,
    Bad,
}
