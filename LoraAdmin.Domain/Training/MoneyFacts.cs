namespace LoraAdmin.Domain.Training;

/// <summary>Kinds of facts about the provider's bills and balance.</summary>
public static class ProviderMoneyEvents
{
    /// <summary>What was booked for a pod was made what the provider billed.</summary>
    public const string Corrected = "money.corrected";

    /// <summary>The account's money runs out.</summary>
    public const string BalanceLow = "money.balance_low";
    public const string BalanceEnough = "money.balance_enough";
    public const string BalanceUnreadable = "money.balance_unreadable";
    public const string BalanceReadable = "money.balance_readable";
}

/// <summary>Rules of incidents about the provider's bills and balance.</summary>
public static class ProviderMoneyIncidents
{
    /// <summary>The balance does not last. The subject is the provider.</summary>
    public const string BalanceLow = "money.balance_low";

    /// <summary>Nobody knows how long the balance lasts. The subject is the provider.</summary>
    public const string BalanceUnreadable = "money.balance_unreadable";

    /// <summary>Corrections have brought a month above its limit. The subject is the month, whose end does not close it: a person looks at it.</summary>
    public const string CorrectedOverLimit = "money.corrected_over_limit";
}
