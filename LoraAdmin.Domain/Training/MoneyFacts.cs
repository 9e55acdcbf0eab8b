namespace LoraAdmin.Domain.Training;

/// <summary>Kinds of facts about the provider's bills and balance.</summary>
public static class ProviderMoneyEvents
{
    /// <summary>What was booked for a pod was made what the provider billed.</summary>
    public const string Corrected = "training.bill_corrected";

    /// <summary>The account's money runs out.</summary>
    public const string BalanceLow = "training.balance_low";
    public const string BalanceEnough = "training.balance_enough";
    public const string BalanceUnreadable = "training.balance_unreadable";
    public const string BalanceReadable = "training.balance_readable";
}

/// <summary>Rules of incidents about the provider's bills and balance.</summary>
public static class ProviderMoneyIncidents
{
    /// <summary>The balance does not last. The subject is the provider.</summary>
    public const string BalanceLow = "training.balance_low";

    /// <summary>Nobody knows how long the balance lasts. The subject is the provider.</summary>
    public const string BalanceUnreadable = "training.balance_unreadable";
}
